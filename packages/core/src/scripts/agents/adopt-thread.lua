-- adopt-thread: brings the indexes up to what is stored of one thread, which
-- somebody wrote or deleted who knows nothing of them: 0.12, or a person.
--
-- KEYS[1] thread    the thread's hash
-- KEYS[2] threads   all threads, by their last change
-- KEYS[3] listed    what of them is in the indexes
-- KEYS[4] byOwner   index by resource id
-- KEYS[5] byAgent   index by agent
-- KEYS[6] agents    how many threads each agent has
-- KEYS[7] listing   where the thread is in the indexes
-- KEYS[8] messageIds  where the thread's messages are
-- KEYS[9] memory    the thread's working memory
-- ARGV[1] threadId
-- ARGV[2] agentName  an agent whose set has the thread, or ''
-- ARGV    rest      names of agents that have a run in the thread
--
-- Returns {'ok'}; {'gone'} if there is no such thread.
--
-- Idempotent: it writes what follows from what is stored.

-- Who adds a thread by hand may write its hash after its entry in `threads`.
local HALF_WRITTEN_MS = 60000

local id = ARGV[1]
local score = redis.call('ZSCORE', THREADS, id)
if redis.call('HEXISTS', THREAD, 'id') == 0 then
  unlist(id)
  redis.call('DEL', LISTING, KEYS[8], KEYS[9])
  if score and tonumber(score) < now - HALF_WRITTEN_MS then
    redis.call('ZREM', THREADS, id)
  end
  return { 'gone' }
end
if not score then
  unlist(id)
  return { 'gone' }
end
if ARGV[2] ~= '' then
  redis.call('HSET', LISTING, 'agent:' .. ARGV[2], '1')
end
for i = 3, #ARGV do
  redis.call('HSETNX', AGENTS, ARGV[i], '0')
end
list(id)
return { 'ok' }
