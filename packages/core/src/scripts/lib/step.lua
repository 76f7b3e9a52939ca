-- Shared: a step's hash, and its current attempt's entry in the history.
-- Everything is read before anything is written: a key of a wrong type fails
-- the script while nothing has changed.

local TEXT = { 'stepId', 'status', 'rpcName', 'retryDelay', 'fromStepName', 'childRunId', 'branchTaken' }
local NUMBERS = {
  'attemptCount', 'retries', 'createdAt', 'updatedAt', 'scheduledAt', 'runningAt', 'succeededAt', 'failedAt', 'queued',
}
local JSON = { 'result', 'error' }

-- What belongs to one attempt and goes when the next one starts.
local ATTEMPT = {
  'result', 'error', 'scheduledAt', 'runningAt', 'succeededAt', 'failedAt', 'childRunId', 'branchTaken', 'operation',
  'queued',
}

-- All that a transition looks at. The step's input ('data') is left where it
-- is: it never changes, and it may be large.
-- operation and finish: the ids of the calls that began the attempt, and that
-- ended it or the one before.
local FIELDS = { 'operation', 'finish' }
for _, group in ipairs({ TEXT, NUMBERS, JSON }) do
  for _, field in ipairs(group) do
    FIELDS[#FIELDS + 1] = field
  end
end

-- name: the step's name; steps, history: the run's index and history keys.
local function read_step(key, name, steps, history)
  local values = redis.call('HMGET', key, unpack(FIELDS))
  local fields = {}
  for i, field in ipairs(FIELDS) do
    if values[i] then
      fields[field] = values[i]
    end
  end
  local position = tonumber(redis.call('ZSCORE', steps, name) or '')
  if redis.call('LLEN', history) <= (position or 0) then
    position = nil
  end
  local indexed = redis.call('HMGET', KEYS[1], 'id', 'status', 'listed', 'inFlight')
  return {
    key = key, name = name, steps = steps, history = history, fields = fields, position = position,
    was = fields.status, indexed = indexed, in_flight = tonumber(indexed[4] or '') or 0,
    waiting = redis.call('ZRANGE', KEYS[6], 0, 1, 'WITHSCORES'),
  }
end

-- For the scripts that are given a step's id, with the KEYS and the first ARGV
-- that they have in common: the step, or nil and why nothing may happen.
local function open_step()
  local refused = refuse(KEYS[1], KEYS[2], ARGV[1])
  if refused then
    return nil, refused
  end
  local step = read_step(KEYS[3], ARGV[2], KEYS[4], KEYS[5])
  if step.fields.stepId ~= ARGV[3] then
    return nil, { 'no-step' }
  end
  return step
end

-- The complete state of the attempt as JSON text. Result and error are JSON
-- already and go in as they are: cjson would turn [] into {}.
local function encode_entry(step)
  local fields = step.fields
  local parts = { '"stepName":' .. cjson.encode(step.name) }
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
  for _, field in ipairs(JSON) do
    local value = fields[field]
    if value and value ~= '' then
      parts[#parts + 1] = '"' .. field .. '":' .. value
    end
  end
  return '{' .. table.concat(parts, ',') .. '}'
end

-- Since when the first of the run's pending steps waits, with this one as it is
-- now, which is the last of them if it waits; nil if none does.
local function pending_since(step)
  local waiting = step.waiting
  for i = 1, #waiting, 2 do
    if waiting[i] ~= step.name then
      return waiting[i + 1]
    end
  end
  return step.fields.status == 'pending' and step.fields.updatedAt or nil
end

-- Moves the step in the indexes from the status that it had to the one it has.
local function index_step(step)
  local fields, was, seen = step.fields, step.was, step.indexed
  if not seen[3] then
    return
  end
  local id, is_running = seen[1], seen[2] == 'running'
  local pending_steps, idle, pending, leases = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
  local status = fields.status
  local change = (IN_FLIGHT[status] and 1 or 0) - (IN_FLIGHT[was] and 1 or 0)
  if change ~= 0 then
    step.in_flight = redis.call('HINCRBY', KEYS[1], 'inFlight', change)
  end
  watch_run(idle, id, is_running and step.in_flight <= 0 and fields.updatedAt)
  if was == 'pending' or status == 'pending' then
    if status == 'pending' then
      redis.call('ZADD', pending_steps, fields.updatedAt, step.name)
    else
      redis.call('ZREM', pending_steps, step.name)
    end
    watch_run(pending, id, is_running and pending_since(step))
  end
  local lease = (fields.attemptCount or '1') .. ':' .. id .. ':' .. step.name
  if status == 'running' then
    if step.lease_ms then
      redis.call('ZADD', leases, string.format('%.0f', now + step.lease_ms), lease)
    end
  elseif was == 'running' then
    redis.call('ZREM', leases, lease)
  end
  step.was = status
end

-- changes: field to value, or false for a field that goes.
local function write_step(step, changes)
  local set, gone = {}, {}
  for field, value in pairs(changes) do
    if value then
      set[#set + 1] = field
      set[#set + 1] = value
      step.fields[field] = value
    elseif step.fields[field] then
      gone[#gone + 1] = field
      step.fields[field] = nil
    end
  end
  redis.call('HSET', step.key, unpack(set))
  if #gone > 0 then
    redis.call('HDEL', step.key, unpack(gone))
  end
  local entry = encode_entry(step)
  if step.position then
    redis.call('LSET', step.history, string.format('%.0f', step.position), entry)
  else
    local length = redis.call('RPUSH', step.history, entry)
    redis.call('ZADD', step.steps, length - 1, step.name)
  end
  index_step(step)
end

-- Whether the attempt is begun for a message of a queue: its worker is outside
-- the run's lock, and the queue gives the message again if the attempt fails.
local function queued(fence)
  return fence == '' and '1'
end

-- The next attempt of a failed step, with an entry of its own.
local function next_attempt(step, status, stamp)
  local changes = {}
  for _, field in ipairs(ATTEMPT) do
    changes[field] = false
  end
  changes.status = status
  changes.attemptCount = string.format('%.0f', (tonumber(step.fields.attemptCount or '') or 1) + 1)
  changes.createdAt = stamp
  changes.updatedAt = stamp
  changes.operation = operation
  if status == 'running' then
    changes.runningAt = stamp
    changes.queued = queued(ARGV[1])
  end
  step.position = nil
  write_step(step, changes)
end

-- The step as it is now, flat, without its input and what is ours alone.
local function flatten(step)
  local flat = {}
  for field, value in pairs(step.fields) do
    if field ~= 'operation' and field ~= 'finish' then
      flat[#flat + 1] = field
      flat[#flat + 1] = value
    end
  end
  return flat
end
