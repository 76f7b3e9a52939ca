-- set-session: stores a user's session in place of the one there was.
--
-- KEYS[1] session  the session's string
-- ARGV[1] value    the session as JSON
-- ARGV[2] ttlMs    for how long, in ms; 0 for ever
--
-- Returns {'ok'}.
--
-- Idempotent: a repetition sets the same text. A write of somebody else that
-- came in between is concurrent with this call: either may be the last.

if ARGV[2] == '0' then
  redis.call('SET', KEYS[1], ARGV[1])
else
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return { 'ok' }
