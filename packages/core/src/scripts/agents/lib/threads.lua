-- Shared by scripts that move a thread in the indexes.

local THREAD, THREADS, LISTED, BY_OWNER = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local BY_AGENT, AGENTS, LISTING = KEYS[5], KEYS[6], KEYS[7]

-- Calls `change(index, member)` for each place that the thread has.
local function each_place(id, score, change)
  local tail = stamp_of(score) .. ':' .. id
  local listing = redis.call('HGETALL', LISTING)
  for i = 1, #listing, 2 do
    if listing[i] == 'owner' then
      change(BY_OWNER, start_of(listing[i + 1]) .. tail)
    else
      change(BY_AGENT, start_of(string.sub(listing[i], #'agent:' + 1)) .. tail)
    end
  end
end

-- Out of all indexes, wherever it was put.
local function unlist(id)
  local score = redis.call('ZSCORE', LISTED, id)
  if not score then
    return
  end
  each_place(id, score, function(index, member)
    redis.call('ZREM', index, member)
  end)
  redis.call('ZREM', LISTED, id)
end

-- Into the indexes, where its hash and its score in `threads` say.
local function list(id)
  local score = redis.call('ZSCORE', THREADS, id)
  unlist(id)
  redis.call('HSET', LISTING, 'owner', redis.call('HGET', THREAD, 'resourceId') or '')
  each_place(id, score, function(index, member)
    redis.call('ZADD', index, 0, member)
  end)
  redis.call('ZADD', LISTED, score, id)
end
