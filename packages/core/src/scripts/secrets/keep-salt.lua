-- keep-salt: the salt of a key version; the one offered, if there is none yet.
--
-- KEYS[1] salts    the hash of salts by key version
-- ARGV[1] version  the key version
-- ARGV[2] salt     the salt that is offered
--
-- Returns {'ok', salt}, with the salt that counts.
--
-- Idempotent: the first salt stays, whoever asks and how often.

return { 'ok', keep_salt(KEYS[1], ARGV[1], ARGV[2]) }
