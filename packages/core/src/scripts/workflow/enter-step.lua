-- enter-step: the driver of a run goes on to the next step. Makes what
-- advance-run would make of
--
--   succeed-step (not before the first step), add-step, start-step
--
-- at half the price, if nothing is unusual about the run and the steps.
--
-- KEYS[1] run      the run's hash
-- KEYS[2] lock     the run's lock
-- KEYS[3] steps    the run's index of step names
-- KEYS[4] history  the run's history
-- KEYS[5] idle     index of runs with nothing in flight
-- KEYS[6] leases   index of steps in a worker's hands
-- KEYS    rest     the step's hash, then, if there is one, that of the step
--                  before
-- ARGV[1] fence    token of the run lock
-- ARGV[2] leaseMs  for how long, in ms, the step is the caller's
-- ARGV[3] name     the step's name
-- ARGV[4] stepId   the id that the step gets
-- ARGV[5] doneName  name of the step before
-- ARGV[6] doneId   its id
-- ARGV[7] result   its result, JSON, or '' for undefined
-- ARGV    rest     field, value, ... of the step
--
-- Returns how many transitions were made, each as it was asked for, or 0 if none
-- was and nothing has changed: then advance-run says what is to be said.
--
-- Idempotent: a repeated call finds the step there and answers 0; advance-run,
-- called with the same operation id, gives the first answer.

-- The entry of a running attempt when it has succeeded, or nil if it is not
-- plainly that. Changed as text, so that the step's state need not be put
-- together again: it is the step's state if it has the step's last stamp, which
-- no other has. Names of fields are found where they are, because a quote
-- inside of a JSON string is escaped.
local function succeeded_entry(entry, last_stamp, stamp, result)
  local _, status_end = string.find(entry, ',"status":"running"', 1, true)
  if not status_end then
    return nil
  end
  local stamp_at, stamp_end = string.find(entry, ',"updatedAt":' .. last_stamp, status_end, true)
  local running = stamp_at and string.match(entry, '^(,"runningAt":%d+)}$', stamp_end + 1)
  if not running then
    return nil
  end
  return string.sub(entry, 1, status_end - 9) .. '"succeeded"' .. string.sub(entry, status_end + 1, stamp_at - 1)
    .. ',"updatedAt":' .. stamp .. running .. ',"succeededAt":' .. stamp
    .. (result == '' and '}' or ',"result":' .. result .. '}')
end

-- The entry of a first attempt that runs.
-- given: the fields that the step was added with
local function started_entry(name, id, given, added, started)
  return '{"stepName":' .. cjson.encode(name) .. ',"stepId":' .. cjson.encode(id) .. ',"status":"running"'
    .. (given.rpcName and ',"rpcName":' .. cjson.encode(given.rpcName) or '')
    .. (given.retryDelay and ',"retryDelay":' .. cjson.encode(given.retryDelay) or '')
    .. (given.fromStepName and ',"fromStepName":' .. cjson.encode(given.fromStepName) or '')
    .. ',"attemptCount":1' .. (given.retries and ',"retries":' .. given.retries or '')
    .. ',"createdAt":' .. added .. ',"updatedAt":' .. started .. ',"runningAt":' .. started .. '}'
end

local RUN, LOCK, STEPS, HISTORY, IDLE, LEASES, STEP, DONE = unpack(KEYS)
local fence, lease_ms, name, id, done_name, done_id, result = unpack(ARGV)

local run = redis.call('HMGET', RUN, 'id', 'status', 'listed', 'inFlight', 'clock', 'woken')
local in_flight = tonumber(run[4] or '0')
local is_plain = run[2] == 'running' and run[3] == 'running' and in_flight >= (DONE and 1 or 0) and run[5]
  and redis.call('GET', LOCK) == fence and redis.call('EXISTS', STEP) == 0
if not is_plain then
  return 0
end
-- Each stamp is later than all before.
local stamp = math.max(now, tonumber(run[5]) + 1)
local position, entry, lease
if DONE then
  local done = redis.call('HMGET', DONE, 'stepId', 'status', 'attemptCount', 'updatedAt')
  position = redis.call('ZSCORE', STEPS, done_name)
  entry = position and redis.call('LRANGE', HISTORY, position, position)[1]
  if done[1] ~= done_id or done[2] ~= 'running' or not (done[3] and done[4]) or not entry then
    return 0
  end
  entry = succeeded_entry(entry, done[4], '' .. stamp, result)
  lease = done[3] .. ':' .. run[1] .. ':' .. done_name
  if not entry then
    return 0
  end
else
  stamp = stamp - 1
  redis.call('LLEN', HISTORY)
  redis.call('ZCARD', STEPS)
end
local is_idle = not run[6] and redis.call('ZSCORE', IDLE, run[1])
local given = {}
for i = 8, #ARGV, 2 do
  given[ARGV[i]] = ARGV[i + 1]
end

-- First a write that a server without memory refuses, to the one key that
-- nothing has been read of.
redis.call('ZADD', LEASES, now + tonumber(lease_ms), '1:' .. run[1] .. ':' .. name)
local added, started = '' .. stamp + 1, '' .. stamp + 2
redis.call('HSET', RUN, 'inFlight', DONE and in_flight or in_flight + 1, 'clock', started)
if is_idle then
  redis.call('ZREM', IDLE, run[1])
end
if DONE then
  local finished = '' .. stamp
  local set = { 'status', 'succeeded', 'succeededAt', finished, 'updatedAt', finished, 'finish', operation }
  if result ~= '' then
    set[9], set[10] = 'result', result
  end
  redis.call('HSET', DONE, unpack(set))
  redis.call('LSET', HISTORY, position, entry)
  redis.call('ZREM', LEASES, lease)
end
redis.call('HSET', STEP, 'stepId', id, 'status', 'running', 'attemptCount', '1', 'createdAt', added,
  'updatedAt', started, 'runningAt', started, 'operation', operation .. (DONE and ':2' or ':1'), unpack(ARGV, 8))
local length = redis.call('RPUSH', HISTORY, started_entry(name, id, given, added, started))
redis.call('ZADD', STEPS, length - 1, name)
return DONE and 3 or 2
