-- Shared by scripts that change the approvals of a run. Each is a field of the
-- run, approval:{toolCallId}, with the value {when, in us}:{place}:{JSON}, and
-- a member of the index of approvals.

-- Two suspensions of one agent's turn follow each other within a millisecond.
local now_us = time[1] .. string.sub('00000' .. time[2], -6)

local function member_of(call, since, run_id)
  return start_of(call) .. since .. ':' .. run_id
end

local function remove_approval(run, approvals, run_id, call, value)
  redis.call('ZREM', approvals, member_of(call, string.sub(value, 1, 16), run_id))
  redis.call('HDEL', run, 'approval:' .. call)
end

-- Those that `keep` does not name.
local function remove_approvals(run, approvals, run_id, keep)
  for _, field in ipairs(redis.call('HKEYS', run)) do
    if string.sub(field, 1, 9) == 'approval:' then
      local call = string.sub(field, 10)
      if not (keep and keep[call]) then
        remove_approval(run, approvals, run_id, call, redis.call('HGET', run, field))
      end
    end
  end
end

-- In place of what was pending: ARGV from `first` on is call, JSON, call, JSON.
-- Unless they are `asked` for now, what was decided meanwhile is not pending
-- again: it is on a list that was read before.
local function set_approvals(run, approvals, run_id, first, asked)
  local keep = {}
  for i = first, #ARGV, 2 do
    keep[ARGV[i]] = true
  end
  remove_approvals(run, approvals, run_id, keep)
  for i = first, #ARGV, 2 do
    local call, field = ARGV[i], 'approval:' .. ARGV[i]
    local value = redis.call('HGET', run, field)
    if value or asked or redis.call('HEXISTS', run, 'decision:' .. call) == 0 then
      local since = value and string.sub(value, 1, 16) or now_us
      redis.call('HSET', run, field, since .. ':' .. (i - first) / 2 .. ':' .. ARGV[i + 1])
      redis.call('ZADD', approvals, 0, member_of(call, since, run_id))
    end
  end
end
