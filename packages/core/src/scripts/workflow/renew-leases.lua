-- renew-leases: keeps steps in the hands of the process that runs them.
--
-- KEYS[1] leases   index of steps in a worker's hands
-- ARGV[1] leaseMs  for how long from now, in ms
-- ARGV    rest     the leases, '{attempt}:{runId}:{stepName}'
--
-- Returns the leases that are gone.
--
-- A lease that is gone stays gone: its step has ended, or was given to another
-- worker as a new attempt.
--
-- Idempotent: it sets the same kind of end again.

-- A server without memory refuses ZADD, though this one adds nothing, unless a
-- write that needs none came first. No lease is called ''.
redis.call('ZREM', KEYS[1], '')
local ends = string.format('%.0f', now + tonumber(ARGV[1]))
local gone = {}
for i = 2, #ARGV do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    redis.call('ZADD', KEYS[1], 'XX', 'GT', ends, ARGV[i])
  else
    gone[#gone + 1] = ARGV[i]
  end
end
return gone
