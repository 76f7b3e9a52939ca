-- resolve-approval: takes an approval from what is pending, and records the
-- decision.
--
-- KEYS[1] run       the run's hash
-- KEYS[2] approvals  index of approvals that somebody has to decide
-- KEYS    rest      the hashes of sub-agents' runs that ask for the same
-- ARGV[1] runId
-- ARGV[2] toolCallId
-- ARGV[3] status    'approved' or 'denied'
-- ARGV[4] member    the run's member of the index, if that led here, or ''
-- ARGV    rest      the ids of the sub-agents' runs, decided as well
--
-- Returns {'ok'} to the one who decides; {'decided'} if somebody has decided it;
-- {'none'} if the run has no such approval.
--
-- Idempotent: the decision holds the id of its call, so a repeated call of who
-- decided is told so again.

local run, call = KEYS[1], ARGV[2]
local pending, field = 'approval:' .. call, 'decision:' .. call
local decided = redis.call('HGET', run, field)
if decided and string.sub(decided, -#operation) == operation then
  return { 'ok' }
end
if redis.call('HEXISTS', run, pending) == 0 then
  -- Who decides removes the member, too. If it is still there, the run is gone,
  -- or its keys were: nobody should be led here again.
  local misled = redis.call('ZREM', KEYS[2], ARGV[4]) == 1
  return { decided and not misled and 'decided' or 'none' }
end
redis.call('ZCARD', KEYS[2])
local values = {}
for i = 3, #KEYS do
  values[i] = redis.call('HGET', KEYS[i], pending)
end

local function decide(key, run_id, value)
  remove_approval(key, KEYS[2], run_id, call, value)
  redis.call('HSET', key, field, ARGV[3] .. ':' .. now_text .. ':' .. operation, 'updatedAt', now_text)
end

decide(run, ARGV[1], redis.call('HGET', run, pending))
redis.call('ZREM', KEYS[2], ARGV[4])
for i = 3, #KEYS do
  if values[i] then
    decide(KEYS[i], ARGV[i + 2], values[i])
  end
end
return { 'ok' }
