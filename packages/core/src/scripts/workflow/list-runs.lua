-- list-runs: one page of the index of runs, newest first. Only reads.
--
-- KEYS[1] listing  index of all runs
-- ARGV[1] scope    what all members of the range begin with
-- ARGV[2] after    the end of the member that the page follows, or ''
-- ARGV[3] offset   how many to leave out
-- ARGV[4] limit    how many to give at most
--
-- Returns the ends of the members, '{createdAt}:{id}'.
--
-- Idempotent: it writes nothing. Positions come from ZLEXCOUNT, so that a deep
-- offset costs no more than a small one.

local listing, scope, after = KEYS[1], ARGV[1], ARGV[2]
local offset, limit = tonumber(ARGV[3]), tonumber(ARGV[4])

-- The scope ends in ':', and ';' is the character after it.
local upper = after ~= '' and '(' .. scope .. after or '(' .. string.sub(scope, 1, -2) .. ';'
local below = redis.call('ZLEXCOUNT', listing, '-', '(' .. scope)
local last = redis.call('ZLEXCOUNT', listing, '-', upper) - 1 - offset
local first = math.max(below, last - limit + 1)
if last < first then
  return {}
end
local found = redis.call('ZRANGE', listing, first, last)
local page = {}
for i = #found, 1, -1 do
  page[#page + 1] = string.sub(found[i], #scope + 1)
end
return page
