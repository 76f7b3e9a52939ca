-- record-layout: records how a prefix is laid out, the first time.
--
-- KEYS[1] layout  holds the layout
-- ARGV[1] wanted  the caller's layout
--
-- Returns the layout that the prefix has.
--
-- Idempotent: the first layout stays.

if redis.call('SETNX', KEYS[1], ARGV[1]) == 1 then
  return ARGV[1]
end
return redis.call('GET', KEYS[1])
