-- set-secret: stores a secret in place of the one there was, and its name in
-- the index.
--
-- KEYS[1] secret      the secret's hash
-- KEYS[2] secrets     the index of names
-- KEYS[3] salts       the hash of salts by key version
-- ARGV[1] name        the secret's name
-- ARGV[2] ciphertext  what the data key made of the value
-- ARGV[3] wrappedDek  what the KEK made of the data key
-- ARGV[4] keyVersion  the version of that KEK
-- ARGV[5] salt        the salt that this KEK was derived with
--
-- Returns {'ok'}, or {'salt'} if another salt counts for this version: then
-- nothing was written, since nobody could read it. A salt that was lost (a
-- flush, a failover) is put back.
--
-- Idempotent: a repetition sets the same texts. A write of somebody else that
-- came in between is concurrent with this call: either may be the last.

-- A hash that is none fails here, before its name is in the index for nothing.
redis.call('HEXISTS', KEYS[1], '')
if keep_salt(KEYS[3], ARGV[4], ARGV[5]) ~= ARGV[5] then
  return { 'salt' }
end
redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('HSET', KEYS[1], 'ciphertext', ARGV[2], 'wrapped_dek', ARGV[3],
  'key_version', ARGV[4])
return { 'ok' }
