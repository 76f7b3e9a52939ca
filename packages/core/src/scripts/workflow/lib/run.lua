-- Shared: the run that a script writes to, as one unit of work. A script reads
-- the run, changes it in memory, and saves it once at the end: everything is
-- read and checked before anything is written, so a key of a wrong type fails
-- the script while nothing has changed.
--
-- Such scripts have these KEYS in common:
local RUN, LOCK, STEPS, HISTORY, STATE, PENDING_STEPS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local LISTING, COUNTS, IDLE, PENDING, LEASES = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]

local function text_of(number)
  return string.format('%.0f', number)
end

-- The run, or nil and why nothing may be written to it. No write creates a run,
-- and a holder that lost the run lock writes nothing.
-- fence: the token of the run lock, or '' outside of one.
local function open_run(fence)
  local seen = redis.call('HMGET', RUN,
    'id', 'status', 'inFlight', 'clock', 'updatedAt', 'listed', 'operation', 'workflow', 'createdAt', 'woken')
  if not seen[1] then
    return nil, { 'no-run' }
  end
  if fence ~= '' and redis.call('GET', LOCK) ~= fence then
    return nil, { 'lost' }
  end
  return {
    id = seen[1], status = seen[2], in_flight = tonumber(seen[3] or '') or 0,
    -- A run of 0.12 has no clock yet.
    clock = tonumber(seen[4] or seen[5] or '') or 0,
    listed = seen[6], operation = seen[7], workflow = seen[8] or '', created = seen[9], woken = seen[10] or nil,
    fence = fence, wait_ms = 0, set = {}, gone = {},
    -- Steps by name, as they are now, and attempts that have to be written.
    steps = {}, changed = {}, attempts = {},
  }
end

-- The server's time in ms, one more than the run's last stamp at least: within
-- a run stamps strictly increase.
local function tick(run)
  if now > run.clock then
    run.clock, run.stamp = now, now_text
  else
    run.clock = run.clock + 1
    run.stamp = text_of(run.clock)
  end
  return run.stamp
end

-- Sets a field of the run.
local function set_run(run, field, value)
  local set = run.set
  set[#set + 1], set[#set + 2] = field, value
end

-- Notes that the run has to be driven, until a driver that saw the note has come
-- to rest: see rest-run. Whoever sends the driver its message may die before.
-- The note of a driver about itself is its token, and hides nobody else's.
local function wake(run)
  if run.fence == '' then
    run.woken = tick(run)
  else
    run.woken = run.woken or run.fence
  end
  set_run(run, 'woken', run.woken)
end

-- What a run can go through, each in a file of its own: see transitions/.
local transitions = {}
