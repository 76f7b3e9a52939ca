-- end-channel-owner: a process gives its own channels up.
--
-- KEYS[1] owners  the owners; the score 0 says that one was given up
-- ARGV[1] owner
--
-- Returns {'ok'}.
--
-- Idempotent: what is given up stays so, and who is forgotten is not added.

redis.call('ZADD', KEYS[1], 'XX', 0, ARGV[1])
return { 'ok' }
