-- find-deployments: the live deployments of a function, and where they are.
--
-- KEYS[1] functionIndex  the function's index of deployments
-- KEYS[2] deployments    index of deployments, by when each expires
-- KEYS[3] endpoints      each deployment's endpoint
--
-- Returns {'ok', id, endpoint, id, endpoint, ...}. An endpoint is '' if 0.12
-- registered that deployment last: then it is in the deployment's own hash.
--
-- Idempotent: it only reads.

local CHUNK = 1000
local live = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now_text, '+inf', 'WITHSCORES')
local answer = { 'ok' }
for first = 1, #live, 2 * CHUNK do
  local ids = {}
  for i = first, math.min(first + 2 * CHUNK - 1, #live), 2 do
    ids[#ids + 1] = live[i]
  end
  local expiries = redis.call('ZMSCORE', KEYS[2], unpack(ids))
  local endpoints = redis.call('HMGET', KEYS[3], unpack(ids))
  for i, id in ipairs(ids) do
    -- Only what wrote the one wrote the other, if both end at the same time.
    local is_known = expiries[i] == live[first + 2 * i - 1]
    answer[#answer + 1] = id
    answer[#answer + 1] = is_known and endpoints[i] or ''
  end
end
return answer
