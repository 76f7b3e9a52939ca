-- extend-lock: gives the holder of a lock a full TTL again.
--
-- KEYS[1] lock   holds the owner's token
-- ARGV[1] token  the caller's token
-- ARGV[2] ttlMs  for how long, in ms
--
-- Returns {'ok'}, or {'lost'}: the lock is free or another owner's.
--
-- Idempotent: it sets a time to live from now on.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return { 'lost' }
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return { 'ok' }
