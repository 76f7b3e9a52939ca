-- page-messages: messages of a thread that come before one of them. Only reads.
--
-- KEYS[1] messages  the thread's messages
-- KEYS[2] messageIds  where they are
-- ARGV[1] cursor    the id of a message
-- ARGV[2] limit     how many to give at most
--
-- Returns {'ok', message, ...}, oldest first; {'unknown'} if no message of
-- that id is known to be there: others may have written it.
--
-- Idempotent: it writes nothing.

local score, number = known_place(KEYS[2], ARGV[1])
local place = score and select(2, message_at(KEYS[1], score, number))
if not place then
  return { 'unknown' }
end
local first = math.max(0, place - tonumber(ARGV[2]))
if first >= place then
  return { 'ok' }
end
local page = redis.call('ZRANGE', KEYS[1], first, place - 1)
table.insert(page, 1, 'ok')
return page
