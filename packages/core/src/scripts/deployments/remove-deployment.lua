-- remove-deployment: takes away all of a deployment that stops.
--
-- KEYS[1] deployment     the deployment's hash
-- KEYS[2] deployments    index of deployments, by when each expires
-- KEYS[3] endpoints      each deployment's endpoint
-- KEYS[4] functionLists  each deployment's functions
-- KEYS[5] stopped        will say that this instance has stopped
-- KEYS    rest           the indexes of its functions
-- ARGV[1] deploymentId   the deployment's id
-- ARGV[2] endpoint       where it was called
-- ARGV[3] instance       whose registration this was
-- ARGV[4] rememberMs     for how long a heartbeat may be on its way, in ms
--
-- Returns {'ok'}, whether or not it was still there; {'superseded'} if another
-- instance has started since, or 0.12 under another endpoint: that one stays.
--
-- Idempotent: what is gone stays gone, and a repetition after another instance
-- started finds that one.

local id = ARGV[1]
-- A heartbeat that was on its way would find nothing, and bring all of it back.
redis.call('SET', KEYS[5], id, 'PX', ARGV[4])
local held = redis.call('HMGET', KEYS[1], 'instance', 'endpoint')
if held[2] and not (held[1] == ARGV[3] and held[2] == ARGV[2]) then
  return { 'superseded' }
end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], id)
redis.call('HDEL', KEYS[3], id)
redis.call('HDEL', KEYS[4], id)
for i = 6, #KEYS do
  redis.call('ZREM', KEYS[i], id)
end
return { 'ok' }
