-- create-run: writes a new run, 'running', with its first stamp.
--
-- KEYS[1] run   the run's hash
-- KEYS[2] listing  index of all runs
-- KEYS[3] counts   how many there are of each kind
-- KEYS[4] idle     index of runs with nothing in flight
-- ARGV    rest  field, value, ... of the run
--
-- Returns {'ok'}.
--
-- Idempotent: the id is the caller's, so a run that is there already is the
-- answer to a repeated call, and stays as it is.

local run = KEYS[1]

if redis.call('HEXISTS', run, 'id') == 1 then
  return { 'ok' }
end
redis.call('HSET', run, 'status', 'running', unpack(ARGV))
local stamp = tick(run)
redis.call('HSET', run, 'createdAt', stamp, 'updatedAt', stamp)
local seen = redis.call('HMGET', run, 'id', 'workflow', 'createdAt', 'listed')
list_run(run, KEYS[2], KEYS[3], seen, 'running')
redis.call('ZADD', KEYS[4], stamp, seen[1])
return { 'ok' }
