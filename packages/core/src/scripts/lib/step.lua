-- Shared: a step's hash, and its attempts in the run's history, as a part of
-- the unit of work in run.lua.

-- Since the fields of an entry are written in this order, and by name.
local TEXT = { 'stepId', 'status', 'rpcName', 'retryDelay', 'fromStepName', 'childRunId', 'branchTaken' }
local NUMBERS = {
  'attemptCount', 'retries', 'createdAt', 'updatedAt', 'scheduledAt', 'runningAt', 'succeededAt', 'failedAt', 'queued',
}

-- The step as it is now, with its position in the history. The step's input
-- ('data') is left where it is: it never changes, and it may be large.
-- Beside an attempt's state: operation and finish, the ids of the calls that
-- began the attempt, and that ended it or the one before; spent, if no further
-- attempt is to be made for a message; retryDelayMs, the delay as a number.
local function read_step(run, key, name)
  local step = run.steps[name]
  if step then
    return step
  end
  local seen = redis.call('HMGET', key, 'stepId', 'status', 'rpcName', 'retryDelay', 'fromStepName', 'childRunId',
    'branchTaken', 'attemptCount', 'retries', 'createdAt', 'updatedAt', 'scheduledAt', 'runningAt', 'succeededAt',
    'failedAt', 'queued', 'result', 'error', 'operation', 'finish', 'spent', 'retryDelayMs')
  local fields = {
    stepId = seen[1] or nil, status = seen[2] or nil, rpcName = seen[3] or nil, retryDelay = seen[4] or nil,
    fromStepName = seen[5] or nil, childRunId = seen[6] or nil, branchTaken = seen[7] or nil,
    attemptCount = seen[8] or nil, retries = seen[9] or nil, createdAt = seen[10] or nil, updatedAt = seen[11] or nil,
    scheduledAt = seen[12] or nil, runningAt = seen[13] or nil, succeededAt = seen[14] or nil,
    failedAt = seen[15] or nil, queued = seen[16] or nil, result = seen[17] or nil, error = seen[18] or nil,
    operation = seen[19] or nil, finish = seen[20] or nil, spent = seen[21] or nil, retryDelayMs = seen[22] or nil,
  }
  run.length = run.length or redis.call('LLEN', HISTORY)
  local position = tonumber(redis.call('ZSCORE', STEPS, name) or '')
  if position and position >= run.length then
    position = nil
  end
  step = { key = key, name = name, fields = fields, was = fields.status, set = {} }
  step.attempt = { step = step, position = position }
  if fields.status == 'running' then
    step.lease_was = (fields.attemptCount or '1') .. ':' .. run.id .. ':' .. name
  end
  run.steps[name] = step
  return step
end

-- The step with that id, or nil and why nothing may happen.
local function open_step(run, key, name, id)
  local step = read_step(run, key, name)
  if step.fields.stepId ~= id then
    return nil, { 'no-step' }
  end
  return step
end

-- changes: field to value, or false for a field that goes.
local function change_step(run, step, changes)
  local fields, set = step.fields, step.set
  for field, value in pairs(changes) do
    if value then
      fields[field], set[field] = value, value
    elseif fields[field] then
      fields[field], set[field] = nil, false
    end
  end
  if not step.dirty then
    step.dirty = true
    run.changed[#run.changed + 1] = step
  end
  if not step.attempt.dirty then
    step.attempt.dirty = true
    run.attempts[#run.attempts + 1] = step.attempt
  end
end

-- The complete state of the attempt as JSON text. Result and error are JSON
-- already and go in as they are: cjson would turn [] into {}.
local function encode_entry(step)
  local fields = step.fields
  local parts = { '{"stepName":' .. cjson.encode(step.name) }
  for _, field in ipairs(TEXT) do
    local value = fields[field]
    if value and value ~= '' then
      parts[#parts + 1] = '"' .. field .. '":' .. cjson.encode(value)
    end
  end
  for _, field in ipairs(NUMBERS) do
    local value = fields[field]
    if value and tonumber(value) then
      parts[#parts + 1] = '"' .. field .. '":' .. value
    end
  end
  local result, error = fields.result, fields.error
  if result and result ~= '' then
    parts[#parts + 1] = '"result":' .. result
  end
  if error and error ~= '' then
    parts[#parts + 1] = '"error":' .. error
  end
  return table.concat(parts, ',') .. '}'
end

-- Whether the attempt is begun for a message of a queue: its worker is outside
-- the run's lock, and the queue gives the message again if the attempt fails.
local function queued(run)
  return run.fence == '' and '1'
end

-- The next attempt of a failed step, with an entry of its own.
local function next_attempt(run, step, status)
  if step.attempt.dirty then
    step.attempt.text = encode_entry(step)
  end
  step.attempt = { step = step }
  local stamp = tick(run)
  local running = status == 'running'
  change_step(run, step, {
    -- What belongs to one attempt goes when the next one starts.
    result = false, error = false, scheduledAt = false, succeededAt = false, failedAt = false, childRunId = false,
    branchTaken = false, spent = false,
    status = status,
    attemptCount = text_of((tonumber(step.fields.attemptCount or '') or 1) + 1),
    createdAt = stamp,
    updatedAt = stamp,
    runningAt = running and stamp,
    queued = running and queued(run),
    operation = operation,
  })
  -- Its driver waits that long before it begins: until then nobody is missing.
  step.wait_ms = not running and tonumber(step.fields.retryDelayMs or '') or nil
end

local OURS = { operation = true, finish = true, spent = true, retryDelayMs = true }

-- {'ok'} and the step as it is now, flat, without its input and what is ours
-- alone.
local function ok_with(step)
  local flat = { 'ok' }
  for field, value in pairs(step.fields) do
    if not OURS[field] then
      flat[#flat + 1] = field
      flat[#flat + 1] = value
    end
  end
  return flat
end
