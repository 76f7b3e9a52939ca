-- delete-thread: removes a thread and all that belongs to it.
--
-- KEYS[1] thread    the thread's hash
-- KEYS[2] threads   all threads, by their last change
-- KEYS[3] listed    what of them is in the indexes
-- KEYS[4] byOwner   index by resource id
-- KEYS[5] byAgent   index by agent
-- KEYS[6] agents    how many threads each agent has
-- KEYS[7] listing   where the thread is in the indexes
-- KEYS[8] messages  the thread's messages
-- KEYS[9] messageIds  where they are
-- KEYS[10] threadRuns  the thread's runs
-- KEYS[11] memory   the thread's working memory
-- KEYS[12] approvals  index of approvals that somebody has to decide
-- KEYS    rest      the hashes of the runs, then the sets of the agents
-- ARGV[1] threadId
-- ARGV[2] runs      how many runs there are
-- ARGV    rest      the ids of the runs, then the names of the agents
--
-- Returns {'ok'}; {'none'} if there was no such thread; {'changed'} if it has
-- a run or an agent that the caller does not name: it should look again.
--
-- Idempotent: a repeated call that finds nothing left may say 'none'.

local id, runs = ARGV[1], tonumber(ARGV[2])
local FIXED = 12
local named = {}
for i = 3, #ARGV do
  named[(i - 2 <= runs and 'run:' or 'agent:') .. ARGV[i]] = true
end
for _, run in ipairs(redis.call('ZRANGE', KEYS[10], 0, -1)) do
  if not named['run:' .. run] then
    return { 'changed' }
  end
end
for _, field in ipairs(redis.call('HKEYS', LISTING)) do
  if field ~= 'owner' and not named[field] then
    return { 'changed' }
  end
end

local existed = redis.call('HEXISTS', THREAD, 'id') == 1
for i = 1, runs do
  remove_approvals(KEYS[FIXED + i], KEYS[12], ARGV[2 + i])
  redis.call('DEL', KEYS[FIXED + i])
end
for i = runs + 1, #ARGV - 2 do
  local set, agent = KEYS[FIXED + i], ARGV[2 + i]
  if redis.call('SREM', set, id) == 1 and redis.call('HINCRBY', AGENTS, agent, -1) <= 0 then
    redis.call('HDEL', AGENTS, agent)
  end
end
unlist(id)
redis.call('ZREM', THREADS, id)
redis.call('DEL', THREAD, LISTING, KEYS[8], KEYS[9], KEYS[10], KEYS[11])
return { existed and 'ok' or 'none' }
