-- rewrap: replaces a wrapped data key by the same one under a newer KEK, if
-- nobody changed it since it was read.
--
-- KEYS[1] holder        the hash of the secret, or of credentials
-- KEYS[2] salts         the hash of salts by key version
-- ARGV[1] dekField      the field of the wrapped data key
-- ARGV[2] versionField  the field of the key version
-- ARGV[3] readDek       the wrapped data key as it was read
-- ARGV[4] readVersion   the key version as it was read
-- ARGV[5] wrappedDek    the data key under the new KEK
-- ARGV[6] keyVersion    the version of that KEK
-- ARGV[7] salt          the salt that this KEK was derived with
--
-- Returns {'ok'}; {'changed'} if it was replaced, deleted or rewrapped by
-- somebody else; {'salt'} if another salt counts for the new version. Nothing
-- was written in the last two cases.
--
-- Idempotent: no two calls wrap to the same text (each has a random IV), so a
-- repetition sees its own and gets the first answer.

local dek, version =
  unpack(redis.call('HMGET', KEYS[1], ARGV[1], ARGV[2]))
if dek == ARGV[5] and version == ARGV[6] then
  return { 'ok' }
end
if dek ~= ARGV[3] or version ~= ARGV[4] then
  return { 'changed' }
end
if keep_salt(KEYS[2], ARGV[6], ARGV[7]) ~= ARGV[7] then
  return { 'salt' }
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[5], ARGV[2], ARGV[6])
return { 'ok' }
