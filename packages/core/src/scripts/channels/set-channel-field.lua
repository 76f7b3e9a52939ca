-- set-channel-field: stores something about a channel that is there.
--
-- KEYS[1] channel  the channel's hash
-- ARGV[1] field
-- ARGV[2] value
--
-- Returns {'ok'}, or {'no-channel'}: a write does not bring half a channel back.
--
-- Idempotent: a repetition sets the same text. A write of somebody else that
-- came in between is concurrent with this call: either may be the last.

if redis.call('HEXISTS', KEYS[1], 'channelId') == 0 then
  return { 'no-channel' }
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return { 'ok' }
