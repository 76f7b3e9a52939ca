-- Shared by scripts that change a run. A call whose reply was lost is repeated,
-- and somebody may have written in between: an approval that was claimed must
-- not be pending again. So a run keeps the ids of its last calls.

local LAST_CALLS = 8

-- Whether this very call has run already; from now on it has.
local function is_repeat(run)
  local calls = redis.call('HGET', run, 'calls') or ''
  local seen, count = false, 0
  for call in string.gmatch(calls, '[^ ]+') do
    seen = seen or call == operation
    count = count + 1
  end
  if seen then
    return true
  end
  if count >= LAST_CALLS then
    calls = string.sub(calls, (string.find(calls, ' ', 1, true)) + 1)
  end
  redis.call('HSET', run, 'calls', calls == '' and operation or calls .. ' ' .. operation)
  return false
end
