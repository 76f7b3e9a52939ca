-- delete-credential: deletes a credential, and who has it from the indexes; a
-- user without any credential is in none.
--
-- KEYS[1] credentials  the hash of the user's credentials, or of the global ones
-- KEYS[2] users        the index of users that have any
-- KEYS[3] usersOfName  the index of users that have this one
-- ARGV[1] userId       whose it is; '' for a global one, which no index has
-- ARGV[2] name         the credential's name
--
-- Returns {'ok'}, whether or not there was one.
--
-- Idempotent: what is gone stays gone, and a call that nobody waits for any
-- more does not delete a credential that was set later.

redis.call('HDEL', KEYS[1], 'ciphertext:' .. ARGV[2],
  'wrapped_dek:' .. ARGV[2], 'key_version:' .. ARGV[2])
if ARGV[1] ~= '' then
  redis.call('ZREM', KEYS[3], ARGV[1])
  if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('ZREM', KEYS[2], ARGV[1])
  end
end
return { 'ok' }
