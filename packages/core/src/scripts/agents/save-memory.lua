-- save-memory: stores a working memory in place of the one there was.
--
-- KEYS[1] memory    the memory's string
-- KEYS[2] thread    the hash of its thread, or the memory itself if it is a
--                   resource's
-- ARGV[1] value     JSON
-- ARGV[2] scope     'thread' or 'resource'
--
-- Returns {'ok'}; {'no-thread'} if there is none: nothing was written.
--
-- Idempotent: a repetition sets the same text. A write of somebody else that
-- came in between is concurrent with this call: either may be the last.

if ARGV[2] == 'thread' and redis.call('HEXISTS', KEYS[2], 'id') == 0 then
  return { 'no-thread' }
end
redis.call('SET', KEYS[1], ARGV[1])
return { 'ok' }
