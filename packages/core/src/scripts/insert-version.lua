-- insert-version: stores a workflow version once.
--
-- KEYS[1] version  the version's hash
-- ARGV    rest     field, value, ... of the version
--
-- Returns {'ok'}, or {'kept'} for a version that is there already.
--
-- Idempotent: the first one stays.

local version = KEYS[1]

if redis.call('HEXISTS', version, 'graph') == 1 then
  return { 'kept' }
end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', version, 'createdAt', now, unpack(ARGV))
return { 'ok' }
