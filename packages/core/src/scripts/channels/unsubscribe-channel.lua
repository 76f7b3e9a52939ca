-- unsubscribe-channel: a channel does not listen to a topic any more.
--
-- KEYS[1] topic      the topic's channels
-- KEYS[2] subs       the channel's topics
-- KEYS[3] answered   is there if this very call was made before, with success
-- ARGV[1] topicName
-- ARGV[2] channelId
--
-- Returns {'ok'}, or {'none'}: it did not listen to it.
--
-- Idempotent: success is noted under the call's own key, for as long as the call
-- can come again, and a repetition gets the same answer. The answer 'none'
-- changed nothing, so that its repetition may as well be the first.

if redis.call('EXISTS', KEYS[3]) == 1 then
  return { 'ok' }
end
-- A key of a wrong type is found before anything is written.
redis.call('SISMEMBER', KEYS[2], ARGV[1])
local there = redis.call('SREM', KEYS[1], ARGV[2])
redis.call('SREM', KEYS[2], ARGV[1])
if there == 0 then
  return { 'none' }
end
redis.call('SET', KEYS[3], '', 'PXAT', string.format('%.0f', deadline + 1))
return { 'ok' }
