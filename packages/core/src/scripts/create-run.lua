-- create-run: writes a new run, 'running', with its first stamp.
--
-- KEYS[1] run   the run's hash
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
return { 'ok' }
