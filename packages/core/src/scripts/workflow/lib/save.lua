-- Shared: writes what a unit of work (run.lua) changed. No key is touched again
-- after a write that may have emptied it: in a cluster slot that moves, a key
-- that is gone ends the script half-way.

-- Since when the first of the run's pending steps waits, nil if none does.
-- moved: names of steps that begin or cease to wait; since: the first of them
-- that begins.
local function pending_since(moved, count, since)
  local waiting = redis.call('ZRANGE', PENDING_STEPS, 0, count, 'WITHSCORES')
  for i = 1, #waiting, 2 do
    if not moved[waiting[i]] then
      local first = tonumber(waiting[i + 1])
      return text_of(since and math.min(since, first) or first)
    end
  end
  return since and text_of(since)
end

-- How the steps that changed move in the indexes; reads, and writes nothing.
local function index_moves(run)
  local moves = { add = {}, gone = {}, leases = {}, dropped = {} }
  local moved, count, since = {}, 0, nil
  for _, step in ipairs(run.changed) do
    local fields, was = step.fields, step.was
    local status = fields.status
    run.in_flight = run.in_flight + (IN_FLIGHT[status] and 1 or 0) - (IN_FLIGHT[was] and 1 or 0)
    if status == 'pending' then
      local add = moves.add
      local waits_since = tonumber(fields.updatedAt) + (step.wait_ms or 0)
      add[#add + 1], add[#add + 2] = text_of(waits_since), step.name
      since = math.min(since or math.huge, waits_since)
      run.wait_ms = math.max(run.wait_ms, step.wait_ms or 0)
    elseif was == 'pending' then
      moves.gone[#moves.gone + 1] = step.name
    end
    if status == 'pending' or was == 'pending' then
      moved[step.name], count = true, count + 1
    end
    local lease = status == 'running' and (fields.attemptCount or '1') .. ':' .. run.id .. ':' .. step.name
    if step.lease_was and step.lease_was ~= lease then
      moves.dropped[#moves.dropped + 1] = step.lease_was
    end
    if lease and step.lease_ms then
      local leases = moves.leases
      leases[#leases + 1], leases[#leases + 2] = text_of(now + step.lease_ms), lease
    end
  end
  if count > 0 or run.changes_status then
    moves.pending = IS_ACTIVE[run.status] and pending_since(moved, count, since) or false
  end
  return moves
end

local function save_steps(run)
  for _, step in ipairs(run.changed) do
    redis.call('HSET', step.key, unpack(step.set))
    if next(step.gone) then
      local gone = {}
      for field in pairs(step.gone) do
        gone[#gone + 1] = field
      end
      redis.call('HDEL', step.key, unpack(gone))
    end
  end
  for _, attempt in ipairs(run.attempts) do
    local text = attempt.text or encode_entry(attempt.step)
    if attempt.position then
      redis.call('LSET', HISTORY, text_of(attempt.position), text)
    else
      local length = redis.call('RPUSH', HISTORY, text)
      redis.call('ZADD', STEPS, length - 1, attempt.step.name)
    end
  end
end

local function save_indexes(run, moves)
  local is_running = run.status == 'running'
  if #moves.add > 0 then
    redis.call('ZADD', PENDING_STEPS, unpack(moves.add))
  end
  if #moves.gone > 0 then
    redis.call('ZREM', PENDING_STEPS, unpack(moves.gone))
  end
  if #moves.leases > 0 then
    redis.call('ZADD', LEASES, unpack(moves.leases))
  end
  if #moves.dropped > 0 then
    redis.call('ZREM', LEASES, unpack(moves.dropped))
  end
  if run.woken then
    -- Since the first time: a run that is busy would not be looked at for ever.
    redis.call('ZADD', IDLE, 'NX', text_of(run.clock), run.id)
  else
    watch_run(IDLE, run.id, is_running and run.in_flight <= 0 and text_of(run.clock + run.wait_ms))
  end
  if moves.pending ~= nil then
    watch_run(PENDING, run.id, moves.pending)
  end
  if run.status ~= run.listed then
    list_run(RUN, LISTING, COUNTS, { run.id, run.workflow, run.created, run.listed }, run.status)
  end
end

-- A key of another type than it should be of fails the script here, or never.
local function check_types(run, moves)
  for _, attempt in ipairs(run.attempts) do
    if not attempt.position then
      run.length = run.length or redis.call('LLEN', HISTORY)
      redis.call('ZCARD', STEPS)
      break
    end
  end
  if not moves then
    return
  end
  redis.call('ZCARD', IDLE)
  if #moves.leases > 0 or #moves.dropped > 0 then
    redis.call('ZCARD', LEASES)
  end
  if moves.pending ~= nil then
    redis.call('ZCARD', PENDING)
  end
  if run.status ~= run.listed then
    redis.call('ZCARD', LISTING)
    redis.call('HEXISTS', COUNTS, '')
  end
end

local function save(run)
  if not run.stamp then
    return
  end
  -- A run of 0.12 is in no index until it is migrated.
  local moves = run.listed and index_moves(run)
  if moves then
    set_run(run, 'inFlight', text_of(run.in_flight))
  end
  set_run(run, 'clock', run.stamp)
  if run.woken and not IS_ACTIVE[run.status] then
    run.woken = nil
    run.gone[#run.gone + 1] = 'woken'
  end
  check_types(run, moves)
  -- First a write that a server without memory refuses: after any other it lets
  -- the script go on.
  redis.call('HSET', RUN, unpack(run.set))
  if #run.gone > 0 then
    redis.call('HDEL', RUN, unpack(run.gone))
  end
  if run.variables then
    redis.call('HSET', STATE, unpack(run.variables))
  end
  save_steps(run)
  if moves then
    save_indexes(run, moves)
  end
end
