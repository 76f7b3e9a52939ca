-- In front of advance-run, the call that most are: the driver of a run goes on
-- to the next step.
--
--   succeed-step (not before the first step), add-step, start-step
--
-- If nothing is unusual about the run and the steps, that is made here, at half
-- the price: the rest of the script is not even set up. Anything else goes on
-- behind this, where nothing has changed yet. What is written here is what the
-- transitions of those names write: a test compares the two.

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

-- Returns how many transitions were made, each as it was asked for; nil if none
-- was, and nothing has changed.
local function go_straight()
  local is_first = ARGV[2] == 'add-step'
  local add = is_first and 2 or 8
  if ARGV[1] == '' or ARGV[add] ~= 'add-step' or not (is_first or ARGV[2] == 'succeed-step') then
    return nil
  end
  local name, fields_end, id = ARGV[add + 2], add + 3 + tonumber(ARGV[add + 3]), ARGV[add + 4]
  local is_started = ARGV[fields_end + 1] == 'start-step' and ARGV[fields_end + 2] == ARGV[add + 1]
    and ARGV[fields_end + 5] == id and not ARGV[fields_end + 7]
  if not is_started or #KEYS ~= (is_first and 12 or 13) then
    return nil
  end

  local RUN, STEPS, HISTORY, IDLE, LEASES, NEXT = KEYS[1], KEYS[3], KEYS[4], KEYS[9], KEYS[11], KEYS[#KEYS]
  local run = redis.call('HMGET', RUN, 'id', 'status', 'listed', 'inFlight', 'clock')
  local in_flight = tonumber(run[4] or '0')
  local is_plain = run[2] == 'running' and run[3] == 'running' and in_flight >= (is_first and 0 or 1) and run[5]
    and redis.call('GET', KEYS[2]) == ARGV[1] and redis.call('EXISTS', NEXT) == 0
  if not is_plain then
    return nil
  end
  -- Each stamp is later than all before.
  local stamp = math.max(now, tonumber(run[5]) + 1)
  local DONE, DONE_NAME, position, entry, lease
  if is_first then
    stamp = stamp - 1
    redis.call('LLEN', HISTORY)
    redis.call('ZCARD', STEPS)
  else
    DONE, DONE_NAME = KEYS[12], ARGV[4]
    local done = redis.call('HMGET', DONE, 'stepId', 'status', 'attemptCount', 'updatedAt')
    position = redis.call('ZSCORE', STEPS, DONE_NAME)
    entry = position and redis.call('LRANGE', HISTORY, position, position)[1]
    if done[1] ~= ARGV[6] or done[2] ~= 'running' or not (done[3] and done[4]) or not entry then
      return nil
    end
    entry = succeeded_entry(entry, done[4], '' .. stamp, ARGV[7])
    lease = done[3] .. ':' .. run[1] .. ':' .. DONE_NAME
    if not entry then
      return nil
    end
  end
  local is_idle = redis.call('ZSCORE', IDLE, run[1])
  local given = {}
  for i = add + 5, fields_end, 2 do
    given[ARGV[i]] = ARGV[i + 1]
  end

  -- First a write that a server without memory refuses, to the one key that
  -- nothing has been read of.
  redis.call('ZADD', LEASES, now + tonumber(ARGV[fields_end + 6]), '1:' .. run[1] .. ':' .. name)
  local added, started = '' .. stamp + 1, '' .. stamp + 2
  redis.call('HSET', RUN, 'inFlight', is_first and in_flight + 1 or in_flight, 'clock', started)
  if is_idle then
    redis.call('ZREM', IDLE, run[1])
  end
  if not is_first then
    local finished = '' .. stamp
    local set = { 'status', 'succeeded', 'succeededAt', finished, 'updatedAt', finished, 'finish', operation }
    if ARGV[7] ~= '' then
      set[9], set[10] = 'result', ARGV[7]
    end
    redis.call('HSET', DONE, unpack(set))
    redis.call('LSET', HISTORY, position, entry)
    redis.call('ZREM', LEASES, lease)
  end
  redis.call('HSET', NEXT, 'stepId', id, 'status', 'running', 'attemptCount', '1', 'createdAt', added,
    'updatedAt', started, 'runningAt', started, 'operation', operation .. (is_first and ':1' or ':2'),
    unpack(ARGV, add + 5, fields_end))
  local length = redis.call('RPUSH', HISTORY, started_entry(name, id, given, added, started))
  redis.call('ZADD', STEPS, length - 1, name)
  return is_first and 2 or 3
end

local made = go_straight()
if made then
  return made
end
