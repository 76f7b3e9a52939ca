-- register-deployment: puts a deployment in place whole, for another while.
--
-- KEYS[1] deployment     the deployment's hash
-- KEYS[2] deployments    index of deployments, by when each expires
-- KEYS[3] endpoints      each deployment's endpoint
-- KEYS[4] functionLists  each deployment's functions
-- KEYS[5] stopped        there, with its own id, once this instance has stopped
-- KEYS    rest           the indexes of its functions, then those of functions
--                        that it had before and has no longer
-- ARGV[1] deploymentId   the deployment's id
-- ARGV[2] endpoint       where it is called
-- ARGV[3] functions      its functions as JSON
-- ARGV[4] instance       whose registration this is: one start() of one process
-- ARGV[5] ttlMs          for how long, in ms
-- ARGV[6] claim          1 for a start, 0 for a heartbeat
-- ARGV[7] before         for a start: the functions there were as JSON, or ''
-- ARGV[8] count          how many functions it has
--
-- Returns {'ok'} or, if it was no longer there, {'restored'}. After that come
-- the ids and functions of some deployments that are dead, for a heartbeat.
-- {'superseded'} for a heartbeat if another instance has started since, or
-- 0.12 under another endpoint; {'stopped'} if this instance has stopped;
-- {'changed', functions} for a start if the functions there were are others
-- than 'before' says. Then nothing has changed.
--
-- Idempotent: a repetition writes the same with a later expiry. One that comes
-- after the instance stopped, or another one started, finds that. A start
-- beside another one is concurrent with it: either may be the last.

local deployment, deployments, endpoints, lists = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, endpoint, functions, instance = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local ttl, claims, count = tonumber(ARGV[5]), ARGV[6] == '1', tonumber(ARGV[8])
local FIRST, MOST_DEAD = 6, 10

if redis.call('EXISTS', KEYS[5]) == 1 then
  return { 'stopped' }
end
local held = redis.call('HMGET', deployment, 'instance', 'endpoint', 'functions')
local is_there = held[2] or held[3]
local is_own = held[1] == instance and held[2] == endpoint
if not claims and is_there and not is_own then
  return { 'superseded' }
end
if claims and not is_own then
  local before = held[3] or redis.call('HGET', lists, id) or ''
  if before ~= ARGV[7] then
    return { 'changed', before }
  end
end

local expiry = string.format('%.0f', now + ttl)
redis.call('HSET', deployment, 'endpoint', endpoint, 'functions', functions, 'instance', instance)
redis.call('PEXPIRE', deployment, ttl)
redis.call('ZADD', deployments, expiry, id)
redis.call('HSET', endpoints, id, endpoint)
redis.call('HSET', lists, id, functions)
for i = FIRST, FIRST + count - 1 do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now_text)
  redis.call('ZADD', KEYS[i], expiry, id)
end
for i = FIRST + count, #KEYS do
  redis.call('ZREM', KEYS[i], id)
end

local answer = { is_there and 'ok' or 'restored' }
if not claims then
  local dead = redis.call('ZRANGEBYSCORE', deployments, '-inf', now_text, 'LIMIT', 0, MOST_DEAD)
  for _, each in ipairs(dead) do
    answer[#answer + 1] = each
    answer[#answer + 1] = redis.call('HGET', lists, each) or ''
  end
end
return answer
