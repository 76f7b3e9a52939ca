-- set-run-state: sets one variable of a run's state.
--
-- KEYS[1] run    the run's hash
-- KEYS[2] lock   the run's lock
-- KEYS[3] state  the run's state, a field for each variable
-- ARGV[1] fence  token of the run lock, or ''
-- ARGV[2] name   the variable
-- ARGV[3] value  JSON
--
-- Returns {'ok'}, {'no-run'} or {'lost'}.
--
-- Idempotent: one field gets one value; other variables are not touched.

local run, lock, state = KEYS[1], KEYS[2], KEYS[3]
local fence, name, value = ARGV[1], ARGV[2], ARGV[3]

local refused = refuse(run, lock, fence)
if refused then
  return refused
end
redis.call('HSET', state, name, value)
redis.call('HSET', run, 'updatedAt', tick(run))
return { 'ok' }
