-- create-thread: writes a new thread, and lists it.
--
-- KEYS[1] thread    the thread's hash
-- KEYS[2] threads   all threads, by their last change
-- KEYS[3] listed    what of them is in the indexes
-- KEYS[4] byOwner   index by resource id
-- KEYS[5] byAgent   index by agent
-- KEYS[6] agents    how many threads each agent has
-- KEYS[7] listing   where the thread is in the indexes
-- KEYS[8] messageIds  where the thread's messages are
-- ARGV[1] threadId
-- ARGV[2] resourceId
-- ARGV[3] title     or ''
-- ARGV[4] metadata  JSON, or ''
--
-- Returns {'ok', field, value, ...}: the thread, the one that there was if it
-- belongs to the same resource. {'exists'} if it belongs to another.
--
-- Idempotent: a repeated call finds the thread of the first.

local id, resource = ARGV[1], ARGV[2]
local known = redis.call('HMGET', THREAD, 'id', 'resourceId')
if known[1] and known[2] ~= resource then
  return { 'exists' }
end
if not known[1] then
  -- 0.12 deleted a thread of this id, and knew nothing of these.
  unlist(id)
  redis.call('DEL', LISTING, KEYS[8])
  redis.call('HSET', THREAD, 'id', id, 'resourceId', resource, 'createdAt', now_text, 'updatedAt', now_text)
  if ARGV[3] ~= '' then
    redis.call('HSET', THREAD, 'title', ARGV[3])
  end
  if ARGV[4] ~= '' then
    redis.call('HSET', THREAD, 'metadata', ARGV[4])
  end
  redis.call('ZADD', THREADS, now_text, id)
  list(id)
end
local outcome = redis.call('HGETALL', THREAD)
table.insert(outcome, 1, 'ok')
return outcome
