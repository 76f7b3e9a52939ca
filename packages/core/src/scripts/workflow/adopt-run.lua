-- adopt-run: enters a run that 0.12 wrote in the indexes, with its history.
--
-- KEYS[1] run      the run's hash
-- KEYS[2] lock     the run's lock
-- KEYS[3] steps    the run's index of step names
-- KEYS[4] history  the run's history
-- KEYS[5] state    the run's state, a field for each variable
-- KEYS[6] pendingSteps  the run's steps that wait to be dispatched
-- KEYS[7] listing  index of all runs
-- KEYS[8] counts   how many there are of each kind
-- KEYS[9] idle     index of runs with nothing in flight
-- KEYS[10] pending  index of runs with a step that waits to be dispatched
-- KEYS[11] leases  index of steps in a worker's hands
-- KEYS[12] found    the names of its steps that a scan found
-- KEYS    rest     the hashes of its steps
-- ARGV[1] status   the run's status when the caller read it
-- ARGV[2] length   of its history when the caller read it
-- ARGV[3] workersGone  '1' if no 0.12 worker is left that could have a step
-- ARGV[4] count    how many steps it has
-- ARGV    rest     for each step its name, the position of its latest attempt,
--                  its status, attempt and last change as the caller read them,
--                  and the attempt's times ('field ms field ms'), which 0.12
--                  keeps in its history only; then the entries of the history
--
-- Returns {'ok'}, or {'changed'} if anything is not as the caller read it.
--
-- 0.12 goes on with the run meanwhile and knows of no index: what it changes
-- after this call is found by the next migration.
--
-- Idempotent: it writes the history anew, from the same state to the same.

local count = tonumber(ARGV[4])

local seen = redis.call('HMGET', RUN, 'id', 'workflow', 'createdAt', 'listed', 'status', 'inline', 'woken')
if seen[5] ~= ARGV[1] or redis.call('LLEN', HISTORY) ~= tonumber(ARGV[2]) then
  return { 'changed' }
end
local id, is_running = seen[1], ARGV[1] == 'running'
local rows = {}
for i = 1, count do
  local at = 5 + (i - 1) * 6
  local key = KEYS[12 + i]
  local now_is = redis.call('HMGET', key, 'status', 'attemptCount', 'updatedAt', 'rpcName')
  local row = { name = ARGV[at], position = ARGV[at + 1], status = ARGV[at + 2], key = key, rpc = now_is[4] }
  row.attempt, row.updated, row.stamps = ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
  if now_is[1] ~= row.status or (now_is[2] or '1') ~= row.attempt or now_is[3] ~= row.updated then
    return { 'changed' }
  end
  rows[i] = row
end

redis.call('DEL', HISTORY, STEPS, PENDING_STEPS)
for i = 5 + count * 6, #ARGV do
  redis.call('RPUSH', HISTORY, ARGV[i])
end
local in_flight, since = 0, nil
for _, row in ipairs(rows) do
  redis.call('ZADD', STEPS, row.position, row.name)
  for field, ms in string.gmatch(row.stamps, '(%a+) (%d+)') do
    redis.call('HSET', row.key, field, ms)
  end
  if IN_FLIGHT[row.status] then
    in_flight = in_flight + 1
  end
  if row.status == 'pending' then
    redis.call('ZADD', PENDING_STEPS, row.updated, row.name)
    since = math.min(since or tonumber(row.updated), tonumber(row.updated))
  end
  if row.status == 'running' and ARGV[3] == '1' and is_running then
    -- A step with a lease is in the hands of a worker of this version.
    local lease = row.attempt .. ':' .. id .. ':' .. row.name
    local is_new = redis.call('ZADD', LEASES, 'NX', 0, lease) == 1
    if is_new and seen[6] ~= 'true' and row.rpc and row.rpc ~= '' then
      redis.call('HSET', row.key, 'queued', '1')
    end
  end
end
redis.call('HSET', RUN, 'inFlight', text_of(in_flight))
list_run(RUN, LISTING, COUNTS, seen, ARGV[1])
watch_run(IDLE, id, (is_running and in_flight == 0 or seen[7] and IS_ACTIVE[ARGV[1]]) and text_of(now))
watch_run(PENDING, id, IS_ACTIVE[ARGV[1]] and since and text_of(since))
redis.call('DEL', KEYS[12])
return { 'ok' }
