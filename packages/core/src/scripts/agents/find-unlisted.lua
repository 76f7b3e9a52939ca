-- find-unlisted: threads that are not in the indexes as they are stored. Looks
-- at a part of them, the newest first. Only reads.
--
-- KEYS[1] threads   all threads, by their last change
-- KEYS[2] listed    what of them is in the indexes
-- ARGV[1] from      the first place to look at
-- ARGV[2] count     how many places to look at
--
-- Returns {'more' or 'end', thread id, ...}; {'same'} instead of 'more' if this
-- part is as it should be and the indexes have as many as are stored.
--
-- Idempotent: it writes nothing.

local from, count = tonumber(ARGV[1]), tonumber(ARGV[2])
local outcome = { 'end' }

local function compare(one, other)
  local found = redis.call('ZRANGE', one, from, from + count - 1, 'REV', 'WITHSCORES')
  for i = 1, #found, 2 do
    if redis.call('ZSCORE', other, found[i]) ~= found[i + 1] then
      outcome[#outcome + 1] = found[i]
    end
  end
  if #found == 2 * count then
    outcome[1] = 'more'
  end
end

compare(KEYS[1], KEYS[2])
compare(KEYS[2], KEYS[1])
if outcome[1] == 'more' and #outcome == 1 and redis.call('ZCARD', KEYS[1]) == redis.call('ZCARD', KEYS[2]) then
  outcome[1] = 'same'
end
return outcome
