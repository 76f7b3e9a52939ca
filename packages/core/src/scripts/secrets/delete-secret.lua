-- delete-secret: deletes a secret, and its name from the index.
--
-- KEYS[1] secret   the secret's hash
-- KEYS[2] secrets  the index of names
-- ARGV[1] name     the secret's name
--
-- Returns {'ok'}, whether or not there was one.
--
-- Idempotent: what is gone stays gone, and a call that nobody waits for any
-- more does not delete a secret that was set later.

redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return { 'ok' }
