-- finish-index: notes that every secret is in the index.
--
-- KEYS[1] salts  the hash of salts by key version; 0.12 reads only versions
--
-- Returns {'ok'}.
--
-- Idempotent: a repetition notes the same.

redis.call('HSET', KEYS[1], 'indexed', '1')
return { 'ok' }
