-- forget-deployment: takes away what a deployment left that died.
--
-- KEYS[1] deployments    index of deployments, by when each expires
-- KEYS[2] endpoints      each deployment's endpoint
-- KEYS[3] functionLists  each deployment's functions
-- KEYS    rest           the indexes of its functions
-- ARGV[1] deploymentId   the deployment's id
-- ARGV[2] functions      its functions as JSON, as the caller has read them
--
-- Returns {'ok'}; {'changed'} if it is alive, has other functions now or was
-- forgotten already: then nothing has changed.
--
-- Idempotent: what is gone stays gone, and one that has come back is alive.

local id = ARGV[1]
local expiry = redis.call('ZSCORE', KEYS[1], id)
if not expiry or tonumber(expiry) > now then
  return { 'changed' }
end
if (redis.call('HGET', KEYS[3], id) or '') ~= ARGV[2] then
  return { 'changed' }
end
redis.call('ZREM', KEYS[1], id)
redis.call('HDEL', KEYS[2], id)
redis.call('HDEL', KEYS[3], id)
for i = 4, #KEYS do
  -- 0.12 may have registered the same id since: it writes these alone.
  local until_when = redis.call('ZSCORE', KEYS[i], id)
  if until_when and tonumber(until_when) <= now then
    redis.call('ZREM', KEYS[i], id)
  end
end
return { 'ok' }
