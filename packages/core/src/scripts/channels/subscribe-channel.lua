-- subscribe-channel: a channel listens to a topic from now on.
--
-- KEYS[1] topic      the topic's channels
-- KEYS[2] subs       the channel's topics
-- KEYS[3] removed    is there if the channel was removed
-- ARGV[1] topicName
-- ARGV[2] channelId
--
-- Returns {'ok'}, or {'removed'}: nobody would take the channel out of the topic
-- again. A channel that was never added can subscribe.
--
-- Idempotent: it is in both sets, however often it was put there.

if redis.call('EXISTS', KEYS[3]) == 1 then
  return { 'removed' }
end
-- A key of a wrong type is found before anything is written.
redis.call('SISMEMBER', KEYS[2], ARGV[1])
redis.call('SADD', KEYS[1], ARGV[2])
redis.call('SADD', KEYS[2], ARGV[1])
return { 'ok' }
