-- find-unlisted: threads that are not in the indexes as they are stored. Looks
-- at a part of them. Only reads.
--
-- KEYS[1] threads   all threads, by their last change
-- KEYS[2] listed    what of them is in the indexes
-- ARGV[1] from      the first place to look at
-- ARGV[2] count     how many places to look at
--
-- Returns {'more' or 'end', thread id, ...}.
--
-- Idempotent: it writes nothing.

local from, count = tonumber(ARGV[1]), tonumber(ARGV[2])
local outcome = { 'end' }

local function compare(one, other)
  local found = redis.call('ZRANGE', one, from, from + count - 1)
  for _, id in ipairs(found) do
    if redis.call('ZSCORE', one, id) ~= redis.call('ZSCORE', other, id) then
      outcome[#outcome + 1] = id
    end
  end
  if #found == count then
    outcome[1] = 'more'
  end
end

compare(KEYS[1], KEYS[2])
compare(KEYS[2], KEYS[1])
return outcome
