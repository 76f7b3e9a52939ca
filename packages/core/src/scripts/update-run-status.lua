-- update-run-status: sets a run's status, with its output and error.
--
-- KEYS[1] run     the run's hash
-- KEYS[2] lock    the run's lock
-- KEYS[3] listing  index of all runs
-- KEYS[4] counts   how many there are of each kind
-- KEYS[5] idle     index of runs with nothing in flight
-- KEYS[6] pending  index of runs with a step that waits to be dispatched
-- KEYS[7] pendingSteps  the run's own steps that wait to be dispatched
-- ARGV[1] fence   token of the run lock, or ''
-- ARGV[2] status  the new status
-- ARGV[3] output  JSON, or '' to leave the output as it is
-- ARGV[4] error   JSON, or '' for none: an error ends with its status
--
-- Returns {'ok'}, {'kept', status} for a run that has ended, {'no-run'} or
-- {'lost'}.
--
-- Idempotent: the run keeps the operation id of its last change of status, so
-- a repeated call changes nothing and gets the first answer.

local run, lock = KEYS[1], KEYS[2]
local fence, status, output, error = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local refused = refuse(run, lock, fence)
if refused then
  return refused
end
local seen = redis.call('HMGET', run, 'status', 'operation')
local current = seen[1]
if seen[2] == operation then
  return { 'ok' }
end
if current == 'completed' or current == 'failed' or current == 'cancelled' then
  return { 'kept', current }
end
local waiting = redis.call('ZRANGE', KEYS[7], 0, 0, 'WITHSCORES')
local stamp = tick(run)
redis.call('HSET', run, 'status', status, 'updatedAt', stamp, 'operation', operation)
if output ~= '' then
  redis.call('HSET', run, 'output', output)
end
if error ~= '' then
  redis.call('HSET', run, 'error', error)
else
  redis.call('HDEL', run, 'error')
end
local row = redis.call('HMGET', run, 'id', 'workflow', 'createdAt', 'listed', 'inFlight')
if row[4] then
  list_run(run, KEYS[3], KEYS[4], row, status)
  -- A run that was suspended has a step 'running', its gate, and the message
  -- that opens it may get lost: it is watched, too.
  local is_idle = (tonumber(row[5] or '') or 0) <= 0 or current == 'suspended'
  watch_run(KEYS[5], row[1], status == 'running' and is_idle and stamp)
  watch_run(KEYS[6], row[1], status == 'running' and waiting[2])
end
return { 'ok' }
