-- save-messages: adds messages to a thread, all or none.
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
-- ARGV[1] threadId
-- ARGV    rest      id, createdAt in ms, JSON, ...
--
-- Returns {'ok'}; {'no-thread'} if there is none: nothing was written.
--
-- A message whose id is known takes the place of the one of that id.
--
-- Idempotent: a repeated call puts each message into its own place, and is
-- only a change of the thread if a message was replaced in between.

local id, messages, ids = ARGV[1], KEYS[8], KEYS[9]
if redis.call('HEXISTS', THREAD, 'id') == 0 then
  return { 'no-thread' }
end
-- A key of another type than it should be of fails the script here, or never.
redis.call('ZCARD', messages)
redis.call('HEXISTS', ids, '')
redis.call('ZCARD', THREADS)

local changed = false
for i = 2, #ARGV, 3 do
  local message, created, json = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local score, number = known_place(ids, message)
  local old = score and message_at(messages, score, number)
  number = number or redis.call('HINCRBY', THREAD, 'lastMessage', 1)
  local member = prefix_of(number) .. json
  if old ~= member or score ~= created then
    changed = true
    if old then
      redis.call('ZREM', messages, old)
    end
    redis.call('ZADD', messages, created, member)
    redis.call('HSET', ids, message, created .. ':' .. number)
  end
end
if changed then
  redis.call('HSET', THREAD, 'updatedAt', now_text)
  redis.call('ZADD', THREADS, now_text, id)
  list(id)
end
return { 'ok' }
