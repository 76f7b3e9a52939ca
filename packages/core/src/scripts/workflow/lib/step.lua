-- Shared: a step's hash, and its attempts in the run's history, as a part of
-- the unit of work in run.lua.

-- A step that nobody has read yet in this call; there is none if it has no id.
local function new_step(run, key, name, fields, position)
  local step = { key = key, name = name, fields = fields, was = fields.status, gone = {} }
  step.attempt = { step = step, position = position }
  if fields.status == 'running' then
    step.lease_was = (fields.attemptCount or '1') .. ':' .. run.id .. ':' .. name
  end
  run.steps[name] = step
  return step
end

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
  -- Written out: a table that grows field by field costs several times as much.
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
  return new_step(run, key, name, fields, position)
end

-- A step that is known not to be there. Its fields have their room already.
local function unread_step(run, key, name)
  return new_step(run, key, name, {
    stepId = nil, status = nil, attemptCount = nil, createdAt = nil, updatedAt = nil, data = nil, retries = nil,
    rpcName = nil, fromStepName = nil, runningAt = nil, operation = nil,
  })
end

-- The step with that id, or nil and why nothing may happen.
local function open_step(run, key, name, id)
  local step = read_step(run, key, name)
  if step.fields.stepId ~= id then
    return nil, { 'no-step' }
  end
  return step
end

-- changes: field, value, ...; going: fields that go.
local function change_step(run, step, changes, going)
  local fields, gone = step.fields, step.gone
  local set, n = step.set, step.set and #step.set
  step.set = set or changes
  for i = 1, #changes, 2 do
    local field, value = changes[i], changes[i + 1]
    if set then
      set[n + i], set[n + i + 1] = field, value
    end
    fields[field], gone[field] = value, nil
  end
  for i = 1, going and #going or 0 do
    local field = going[i]
    if fields[field] then
      fields[field], gone[field] = nil, true
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

local function text_of_entry(name, value)
  return value and value ~= '' and name .. cjson.encode(value) or ''
end

-- Numbers, and result and error, are JSON as they are: cjson would turn [] into
-- {}.
local function json_of_entry(name, value)
  return value and value ~= '' and name .. value or ''
end

-- The complete state of the attempt as JSON text.
local function encode_entry(step)
  local fields = step.fields
  return '{"stepName":' .. cjson.encode(step.name)
    .. text_of_entry(',"stepId":', fields.stepId)
    .. text_of_entry(',"status":', fields.status)
    .. text_of_entry(',"rpcName":', fields.rpcName)
    .. text_of_entry(',"retryDelay":', fields.retryDelay)
    .. text_of_entry(',"fromStepName":', fields.fromStepName)
    .. text_of_entry(',"childRunId":', fields.childRunId)
    .. text_of_entry(',"branchTaken":', fields.branchTaken)
    .. json_of_entry(',"attemptCount":', tonumber(fields.attemptCount or '') and fields.attemptCount)
    .. json_of_entry(',"retries":', tonumber(fields.retries or '') and fields.retries)
    .. json_of_entry(',"createdAt":', fields.createdAt)
    .. json_of_entry(',"updatedAt":', fields.updatedAt)
    .. json_of_entry(',"scheduledAt":', fields.scheduledAt)
    .. json_of_entry(',"runningAt":', fields.runningAt)
    .. json_of_entry(',"succeededAt":', fields.succeededAt)
    .. json_of_entry(',"failedAt":', fields.failedAt)
    .. json_of_entry(',"queued":', fields.queued)
    .. json_of_entry(',"result":', fields.result)
    .. json_of_entry(',"error":', fields.error)
    .. '}'
end

-- Notes an attempt that is begun for a message of a queue: its worker is outside
-- the run's lock, and the queue gives the message again if the attempt fails.
local function mark_queued(run, step)
  if run.fence == '' then
    change_step(run, step, { 'queued', '1' })
  elseif step.fields.queued then
    change_step(run, step, {}, { 'queued' })
  end
end

-- The next attempt of a failed step, with an entry of its own.
local function next_attempt(run, step, status)
  if step.attempt.dirty then
    step.attempt.text = encode_entry(step)
  end
  step.attempt = { step = step }
  local stamp = tick(run)
  local running = status == 'running'
  local attempt = text_of((tonumber(step.fields.attemptCount or '') or 1) + 1)
  change_step(run, step, {
    'status', status,
    'attemptCount', attempt,
    'createdAt', stamp,
    'updatedAt', stamp,
    'operation', operation,
  }, {
    -- What belongs to one attempt goes when the next one starts.
    'result', 'error', 'scheduledAt', 'runningAt', 'succeededAt', 'failedAt', 'childRunId', 'branchTaken', 'queued',
    'spent',
  })
  if running then
    change_step(run, step, { 'runningAt', stamp })
    mark_queued(run, step)
  end
  -- Its driver waits that long before it begins: until then nobody is missing.
  step.wait_ms = not running and tonumber(step.fields.retryDelayMs or '') or nil
end

-- {'ok'} and the step as it is now, flat, without its input and what is ours
-- alone.
local function ok_with(step)
  local flat, ours = { 'ok' }, { operation = true, finish = true, spent = true, retryDelayMs = true }
  for field, value in pairs(step.fields) do
    if not ours[field] then
      flat[#flat + 1] = field
      flat[#flat + 1] = value
    end
  end
  return flat
end
