-- release-lock: frees a lock that the caller holds, and no other.
--
-- KEYS[1] lock   holds the owner's token
-- ARGV[1] token  the caller's token
--
-- Returns {'ok'}, or {'lost'}: the lock is free or another owner's.
--
-- Idempotent: a repeated call finds the lock free and leaves it so.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return { 'lost' }
end
redis.call('DEL', KEYS[1])
return { 'ok' }
