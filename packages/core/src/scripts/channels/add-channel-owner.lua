-- add-channel-owner: a process begins to keep channels.
--
-- KEYS[1] owners   the owners; the score is when the lease ends
-- ARGV[1] owner
-- ARGV[2] leaseMs  for how long from now, in ms
--
-- Returns {'ok'}.
--
-- Idempotent: a repetition prolongs the lease. It does not bring back an owner
-- that was given up: the call's deadline is before the end of its first lease.

local ends = string.format('%.0f', now + tonumber(ARGV[2]))
redis.call('ZADD', KEYS[1], ends, ARGV[1])
return { 'ok' }
