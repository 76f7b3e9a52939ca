-- Shared: the run that a script writes to.

-- Why a write to the run may not happen, or nil. No write creates a run, and a
-- holder that lost the run lock writes nothing.
-- fence: the token of the run lock, or '' outside of one.
local function refuse(run, lock, fence)
  if redis.call('HEXISTS', run, 'id') == 0 then
    return { 'no-run' }
  end
  if fence ~= '' and redis.call('GET', lock) ~= fence then
    return { 'lost' }
  end
  return nil
end

-- The server's time in ms, one more than the run's last stamp at least: within
-- a run stamps strictly increase. A run of 0.12 has no clock yet.
local function tick(run)
  local seen = redis.call('HMGET', run, 'clock', 'updatedAt')
  local last = tonumber(seen[1] or seen[2] or 0) or 0
  local stamp = string.format('%.0f', math.max(now, last + 1))
  redis.call('HSET', run, 'clock', stamp)
  return stamp
end
