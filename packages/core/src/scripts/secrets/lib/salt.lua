-- The salt of a key version: the first that anybody stores is the one.
--
-- A salt hash that is new says that no 0.12 was here before, so that every
-- secret there will be is in the index: see `finish-index`.

local function keep_salt(key, version, salt)
  if redis.call('EXISTS', key) == 0 then
    redis.call('HSET', key, 'indexed', '1')
  end
  redis.call('HSETNX', key, version, salt)
  return redis.call('HGET', key, version)
end
