-- add-channel: stores a channel, in the hands of an owner or of nobody.
--
-- KEYS[1] channel      the channel's hash
-- KEYS[2] removed      says that a channel of this id was removed
-- KEYS[3] owned        which owner has which channels
-- KEYS[4] owners       the owners and their leases
-- ARGV[1] channelId
-- ARGV[2] channelName
-- ARGV[3] openingData  as JSON
-- ARGV[4] owner        whose process ends the channel; '' for nobody's
--
-- Returns {'ok'}, or {'lost'}: the owner was given up, and nothing was written.
--
-- A channel that is there keeps its user, its state and its topics, as in 0.12.
--
-- Idempotent: a repetition writes the same fields again, and a later time. A
-- removal that comes in between is concurrent with this call.

local owner = ARGV[4]
if owner ~= '' and tonumber(redis.call('ZSCORE', KEYS[4], owner) or 0) == 0 then
  return { 'lost' }
end
local before = redis.call('HGET', KEYS[1], 'ownerId')
-- It is written only after this: a key of a wrong type is found first.
redis.call('ZCARD', KEYS[3])

if before and before ~= owner then
  redis.call('ZREM', KEYS[3], before .. ':' .. ARGV[1])
end
redis.call('HSET', KEYS[1], 'channelId', ARGV[1], 'channelName', ARGV[2],
  'openingData', ARGV[3], 'createdAt', now_text)
if owner == '' then
  redis.call('HDEL', KEYS[1], 'ownerId')
else
  redis.call('HSET', KEYS[1], 'ownerId', owner)
  redis.call('ZADD', KEYS[3], 0, owner .. ':' .. ARGV[1])
end
redis.call('DEL', KEYS[2])
return { 'ok' }
