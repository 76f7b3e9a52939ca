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
redis.call('HSET', version, 'createdAt', string.format('%.0f', now), unpack(ARGV))
return { 'ok' }
