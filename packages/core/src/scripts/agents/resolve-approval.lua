-- resolve-approval: takes an approval from what is pending, and records the
-- decision.
--
-- KEYS[1] run       the run's hash
-- KEYS[2] approvals  index of approvals that somebody has to decide
-- ARGV[1] runId
-- ARGV[2] toolCallId
-- ARGV[3] status    'approved' or 'denied'
-- ARGV[4] member    what led here: the run's member of the index
--
-- Returns {'ok'} to the one who decides; {'none'} if it is not pending.
--
-- Idempotent: the decision holds the id of its call, so a repeated call of who
-- decided is told so again.

local run, run_id, call = KEYS[1], ARGV[1], ARGV[2]
local field = 'decision:' .. call
local decided = redis.call('HGET', run, field)
if decided and string.sub(decided, -#operation) == operation then
  return { 'ok' }
end
local value = redis.call('HGET', run, 'approval:' .. call)
if not value then
  -- The run is gone, or its keys were: nobody should be led here again.
  redis.call('ZREM', KEYS[2], ARGV[4])
  return { 'none' }
end
redis.call('ZCARD', KEYS[2])
remove_approval(run, KEYS[2], run_id, call, value)
redis.call('ZREM', KEYS[2], ARGV[4])
redis.call('HSET', run, field, ARGV[3] .. ':' .. now_text .. ':' .. operation, 'updatedAt', now_text)
return { 'ok' }
