-- bury-channel-owners: gives up the owners whose lease has run out.
--
-- KEYS[1] owners  the owners; the score 0 says that one was given up
-- ARGV[1] limit   how many to give up, and to list, at most
--
-- Returns the owners that were given up, now or before: their channels are to
-- be removed. It cannot be taken back: an owner that wakes up is told, so that it
-- never goes on with half of its channels.
--
-- Idempotent: what is given up stays so, and is listed until it is forgotten.

local before = string.format('%.0f', now)
local expired = redis.call('ZRANGEBYSCORE', KEYS[1], '(0', '(' .. before, 'LIMIT', 0, ARGV[1])
for _, owner in ipairs(expired) do
  redis.call('ZADD', KEYS[1], 0, owner)
end
return redis.call('ZRANGEBYSCORE', KEYS[1], 0, 0, 'LIMIT', 0, ARGV[1])
