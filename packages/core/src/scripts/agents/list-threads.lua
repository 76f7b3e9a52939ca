-- list-threads: one page of the threads that all filters let through, newest
-- first. Only reads.
--
-- KEYS[1] threads   all threads, by their last change
-- KEYS[2] listed    what of them is in the indexes
-- KEYS[3] byOwner   index by resource id
-- KEYS[4] byAgent   index by agent
-- KEYS[5] agents    how many threads each agent has
-- KEYS[6] agentThreads  the agent's set, if an agent is asked for
-- ARGV[1] agentName  or ''
-- ARGV[2] filter    'all', 'resource' (the id follows) or 'owners' (they follow)
-- ARGV[3] offset    how many to leave out
-- ARGV[4] limit     how many to give at most
-- ARGV[5] known     what has been answered already: it is not answered again
-- ARGV    rest      resource ids
--
-- Returns {'ok', thread id, ...}; {'unlisted'} or {'unlisted-agent'} if there
-- are threads that the indexes do not know: they have to be adopted first.
--
-- Idempotent: it writes nothing. A page of one resource, of one agent or of
-- all is a range by rank, at any depth; of owners with sub-partitions, or with
-- an agent, their threads are looked at.

local THREADS, LISTED, BY_OWNER, BY_AGENT = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local agent, filter = ARGV[1], ARGV[2]
local offset, limit, known = tonumber(ARGV[3]), tonumber(ARGV[4]), ',' .. ARGV[5] .. ','

-- Whoever adds a thread changes the count, or the newest.
local function all_listed()
  local newest = redis.call('ZRANGE', THREADS, -1, -1, 'WITHSCORES')
  local listed = redis.call('ZRANGE', LISTED, -1, -1, 'WITHSCORES')
  return redis.call('ZCARD', THREADS) == redis.call('ZCARD', LISTED)
    and newest[1] == listed[1] and newest[2] == listed[2]
end

-- {number}:{id} of a member.
local function tail_of(member)
  local _, stop = string.find(member, '%z%z')
  return string.sub(member, stop + 1)
end

-- Of one name exactly, newest first.
local function range_of(index, name, skip, most)
  local below = redis.call('ZLEXCOUNT', index, '-', '(' .. start_of(name))
  local last = redis.call('ZLEXCOUNT', index, '-', '(' .. encoded(name) .. '\0\1') - 1 - skip
  local first = math.max(below, last - most + 1)
  local tails = {}
  if last >= first then
    local members = redis.call('ZRANGE', index, first, last)
    for i = #members, 1, -1 do
      tails[#tails + 1] = tail_of(members[i])
    end
  end
  return tails
end

local tails, skip = {}, offset
local has_agent = start_of(agent)

local function add(tail)
  if agent == '' or redis.call('ZSCORE', BY_AGENT, has_agent .. tail) then
    tails[#tails + 1] = tail
  end
end

local function is_known(answer)
  return string.find(known, ',' .. answer .. ',', 1, true)
end

if (agent ~= '' or filter ~= 'all') and not is_known('unlisted') and not all_listed() then
  return { 'unlisted' }
end
if agent ~= '' and not is_known('unlisted-agent') then
  local count = redis.call('HGET', KEYS[5], agent) or '0'
  if redis.call('SCARD', KEYS[6]) ~= tonumber(count) then
    return { 'unlisted-agent' }
  end
end

if filter == 'all' and agent == '' then
  local ids = redis.call('ZRANGE', THREADS, offset, offset + limit - 1, 'REV')
  table.insert(ids, 1, 'ok')
  return ids
elseif filter == 'all' then
  tails, skip = range_of(BY_AGENT, agent, offset, limit), 0
elseif filter == 'resource' and agent == '' then
  tails, skip = range_of(BY_OWNER, ARGV[6], offset, limit), 0
else
  -- With an agent, all of the owner's have to be looked at.
  local most = agent == '' and offset + limit or math.huge
  for i = 6, #ARGV do
    for _, tail in ipairs(range_of(BY_OWNER, ARGV[i], 0, most)) do
      add(tail)
    end
    if filter == 'owners' then
      local parts = encoded(ARGV[i])
      for _, member in ipairs(redis.call('ZRANGE', BY_OWNER, '[' .. parts .. ':', '(' .. parts .. ';', 'BYLEX')) do
        add(tail_of(member))
      end
    end
  end
  -- The digits are of one length; a comparison of texts goes by the locale.
  local stamps = {}
  for _, tail in ipairs(tails) do
    stamps[tail] = tonumber(string.sub(tail, 1, 16))
  end
  table.sort(tails, function(a, b)
    if stamps[a] ~= stamps[b] then
      return stamps[a] > stamps[b]
    end
    return a > b
  end)
end

local outcome = { 'ok' }
for i = skip + 1, math.min(#tails, skip + limit) do
  outcome[#outcome + 1] = string.sub(tails[i], 18)
end
return outcome
