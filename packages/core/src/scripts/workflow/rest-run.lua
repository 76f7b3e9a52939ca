-- rest-run: the driver of a run has done what there was for it to do, and the
-- run waits for others: the note that it has to be driven goes.
--
-- KEYS[1] run   the run's hash
-- KEYS[2] lock  the run's lock
-- KEYS[3] idle  index of runs to be looked after
-- KEYS[4] pendingSteps  the run's steps that wait to be dispatched
-- ARGV[1] token  of the run's lock
-- ARGV[2] seen   the note that the driver found, or '' for none
--
-- Returns 1, or 0 if there is no such note, or the lock is lost.
--
-- A note that came later stays: what it is about, the driver did not see. A run
-- with nothing in flight is looked after on, but not before the last of its steps
-- that wait for their next attempt is due: to drive it is to begin that.
--
-- Idempotent: what is gone is gone.

local run = redis.call('HMGET', KEYS[1], 'id', 'status', 'inFlight', 'woken', 'clock')
local woken = run[4]
if not woken or woken ~= ARGV[1] and woken ~= ARGV[2] or redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
local last = redis.call('ZRANGE', KEYS[4], -1, -1, 'WITHSCORES')
redis.call('ZCARD', KEYS[3])
redis.call('HDEL', KEYS[1], 'woken')
if run[2] == 'running' and (tonumber(run[3] or '') or 0) <= 0 then
  local since = math.max(tonumber(run[5] or '') or 0, tonumber(last[2] or '') or 0)
  redis.call('ZADD', KEYS[3], string.format('%.0f', since), run[1])
else
  redis.call('ZREM', KEYS[3], run[1])
end
return 1
