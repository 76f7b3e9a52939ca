-- index-secret: puts the name of a secret that 0.12 wrote into the index, or
-- takes the name of one that 0.12 deleted out of it.
--
-- KEYS[1] secret   the secret's hash
-- KEYS[2] secrets  the index of names
-- ARGV[1] name     the secret's name
--
-- Returns {'added'}, {'removed'}, or {'same'}.
--
-- Idempotent: the index says afterwards what is there, however often. Only the
-- counts of a repetition are lower.

if redis.call('EXISTS', KEYS[1]) == 0 then
  local removed = redis.call('ZREM', KEYS[2], ARGV[1]) == 1
  return { removed and 'removed' or 'same' }
end
local added = redis.call('ZADD', KEYS[2], 0, ARGV[1]) == 1
return { added and 'added' or 'same' }
