-- postpone-lease: puts a lease that could not be looked at out of the way.
--
-- KEYS[1] leases  index of steps in a worker's hands
-- ARGV[1] lease   '{attempt}:{runId}:{stepName}'
-- ARGV[2] byMs    for how long from now, in ms
--
-- Returns 0.
--
-- Idempotent: it sets the same kind of end again, of a lease that is there.

return redis.call('ZADD', KEYS[1], 'XX', string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
