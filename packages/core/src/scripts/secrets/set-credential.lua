-- set-credential: stores a credential in place of the one there was, and who
-- has it in the indexes.
--
-- KEYS[1] credentials  the hash of the user's credentials, or of the global ones
-- KEYS[2] users        the index of users that have any
-- KEYS[3] usersOfName  the index of users that have this one
-- KEYS[4] salts        the hash of salts by key version
-- ARGV[1] userId       whose it is; '' for a global one, which no index has
-- ARGV[2] name         the credential's name
-- ARGV[3] ciphertext   what the data key made of the value
-- ARGV[4] wrappedDek   what the KEK made of the data key
-- ARGV[5] keyVersion   the version of that KEK
-- ARGV[6] salt         the salt that this KEK was derived with
--
-- Returns {'ok'}, or {'salt'} if another salt counts for this version: then
-- nothing was written, since nobody could read it. A salt that was lost (a
-- flush, a failover) is put back.
--
-- Idempotent: a repetition sets the same texts. A write of somebody else that
-- came in between is concurrent with this call: either may be the last.

-- A hash that is none fails here, before a user is in an index for nothing.
redis.call('HEXISTS', KEYS[1], '')
if keep_salt(KEYS[4], ARGV[5], ARGV[6]) ~= ARGV[6] then
  return { 'salt' }
end
if ARGV[1] ~= '' then
  redis.call('ZADD', KEYS[2], 0, ARGV[1])
  redis.call('ZADD', KEYS[3], 0, ARGV[1])
end
redis.call('HSET', KEYS[1], 'ciphertext:' .. ARGV[2], ARGV[3],
  'wrapped_dek:' .. ARGV[2], ARGV[4], 'key_version:' .. ARGV[2], ARGV[5])
return { 'ok' }
