-- remove-channel: removes a channel, and takes it out of all of its topics.
--
-- KEYS[1] channel      the channel's hash
-- KEYS[2] subs         the topics that it listens to
-- KEYS[3] removed      says for a while that it was removed
-- KEYS[4] owned        which owner has which channels
-- KEYS    rest         the sets of the topics that the caller knows of
-- ARGV[1] channelId
-- ARGV[2] owner        removes it only if it is still this dead owner's; '' if
--                      it is, whosever it is
-- ARGV[3] tombstoneMs  for how long to know that it was removed, in ms
-- ARGV    rest         the names of those topics, in the same order
--
-- Returns {'ok'}, also where there is none; {'kept'}, if the channel was added
-- anew by 0.12, which knows no owners; or {'changed', topic, ...}: it listens to
-- a topic that the caller did not name. Nothing was written then, and here are
-- all of them.
--
-- The topics are keys, so the caller reads them first. More names than needed do
-- no harm, so only a new subscription makes the call again.
--
-- Idempotent: what is gone stays gone. A channel that is added anew between a
-- call and its repetition is removed by the repetition: the two are concurrent.

local channel, subs, removed, owned = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, dead, tombstone_ms = ARGV[1], ARGV[2], ARGV[3]
local owner = redis.call('HGET', channel, 'ownerId')
local existed = redis.call('HEXISTS', channel, 'channelId') == 1

if dead ~= '' then
  local member = dead .. ':' .. id
  if not redis.call('ZSCORE', owned, member) then return { 'ok' } end
  if existed and owner ~= dead then
    redis.call('ZREM', owned, member)
    return { 'kept' }
  end
end

local known = {}
for i = 4, #ARGV do
  known[ARGV[i]] = true
end
local topics = redis.call('SMEMBERS', subs)
for _, topic in ipairs(topics) do
  if not known[topic] then
    table.insert(topics, 1, 'changed')
    return topics
  end
end
-- A key of a wrong type is found before anything is written.
for i = 5, #KEYS do
  redis.call('SISMEMBER', KEYS[i], id)
end
redis.call('ZCARD', owned)

for i = 5, #KEYS do
  redis.call('SREM', KEYS[i], id)
end
redis.call('DEL', subs, channel)
for _, of in ipairs({ owner or '', dead }) do
  if of ~= '' then redis.call('ZREM', owned, of .. ':' .. id) end
end
if existed then
  redis.call('SET', removed, '', 'PX', tombstone_ms)
end
return { 'ok' }
