-- create-run: writes a new run, 'running', with its first stamp.
--
-- KEYS[1] run      the run's hash
-- KEYS[2] lock     the run's lock
-- KEYS[3] steps    the run's index of step names
-- KEYS[4] history  the run's history
-- KEYS[5] state    the run's state, a field for each variable
-- KEYS[6] pendingSteps  the run's steps that wait to be dispatched
-- KEYS[7] listing  index of all runs
-- KEYS[8] counts   how many there are of each kind
-- KEYS[9] idle     index of runs with nothing in flight
-- KEYS[10] pending  index of runs with a step that waits to be dispatched
-- KEYS[11] leases  index of steps in a worker's hands
-- ARGV    rest  field, value, ... of the run
--
-- Returns {'ok'}, or {'exists', status} for an id that is taken: it stays as it
-- is.
--
-- Idempotent: the run keeps the operation id of its creation until its status
-- changes, so a repeated call gets the first answer.

local known = redis.call('HMGET', RUN, 'id', 'status', 'operation')
if known[1] then
  return known[3] == operation and { 'ok' } or { 'exists', known[2] }
end
-- A key of another type than it should be of fails the script here, or never.
redis.call('ZCARD', LISTING)
redis.call('HEXISTS', COUNTS, '')
redis.call('ZCARD', IDLE)
local stamp = text_of(now)
redis.call('HSET', RUN, 'status', 'running', 'operation', operation, 'clock', stamp, 'createdAt', stamp, 'updatedAt', stamp, unpack(ARGV))
local seen = redis.call('HMGET', RUN, 'id', 'workflow', 'createdAt', 'listed')
list_run(RUN, LISTING, COUNTS, seen, 'running')
redis.call('ZADD', IDLE, stamp, seen[1])
return { 'ok' }
