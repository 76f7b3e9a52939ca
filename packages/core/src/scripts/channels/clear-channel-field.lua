-- clear-channel-field: forgets something about a channel.
--
-- KEYS[1] channel  the channel's hash
-- ARGV[1] field
--
-- Returns {'ok'}, whether or not there was anything.
--
-- Idempotent: what is gone stays gone.

redis.call('HDEL', KEYS[1], ARGV[1])
return { 'ok' }
