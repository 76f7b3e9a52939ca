-- adopt-run: enters a run that 0.12 wrote in the indexes, with its history.
--
-- KEYS[1] run      the run's hash
-- KEYS[2] steps    the run's index of step names
-- KEYS[3] history  the run's history
-- KEYS[4] pendingSteps  the run's own steps that wait to be dispatched
-- KEYS[5] listing  index of all runs
-- KEYS[6] counts   how many there are of each kind
-- KEYS[7] idle     index of runs with nothing in flight
-- KEYS[8] pending  index of runs with a step that waits to be dispatched
-- KEYS[9] leases   index of steps in a worker's hands
-- KEYS[10] found    the names of its steps that a scan found
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

local run, steps, history, leases = KEYS[1], KEYS[2], KEYS[3], KEYS[9]
local count = tonumber(ARGV[4])

local seen = redis.call('HMGET', run, 'id', 'workflow', 'createdAt', 'listed', 'status', 'inline')
if seen[5] ~= ARGV[1] or redis.call('LLEN', history) ~= tonumber(ARGV[2]) then
  return { 'changed' }
end
local id, is_running = seen[1], ARGV[1] == 'running'
local rows = {}
for i = 1, count do
  local at = 5 + (i - 1) * 6
  local key = KEYS[10 + i]
  local now_is = redis.call('HMGET', key, 'status', 'attemptCount', 'updatedAt', 'rpcName')
  local row = { name = ARGV[at], position = ARGV[at + 1], status = ARGV[at + 2], key = key, rpc = now_is[4] }
  row.attempt, row.updated, row.stamps = ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
  if now_is[1] ~= row.status or (now_is[2] or '1') ~= row.attempt or now_is[3] ~= row.updated then
    return { 'changed' }
  end
  rows[i] = row
end

redis.call('DEL', history, steps, KEYS[4])
for i = 5 + count * 6, #ARGV do
  redis.call('RPUSH', history, ARGV[i])
end
local in_flight, since = 0, nil
for _, row in ipairs(rows) do
  redis.call('ZADD', steps, row.position, row.name)
  for field, ms in string.gmatch(row.stamps, '(%a+) (%d+)') do
    redis.call('HSET', row.key, field, ms)
  end
  if IN_FLIGHT[row.status] then
    in_flight = in_flight + 1
  end
  if row.status == 'pending' then
    redis.call('ZADD', KEYS[4], row.updated, row.name)
    since = math.min(since or tonumber(row.updated), tonumber(row.updated))
  end
  if row.status == 'running' and ARGV[3] == '1' and is_running then
    if seen[6] ~= 'true' and row.rpc and row.rpc ~= '' then
      redis.call('HSET', row.key, 'queued', '1')
    end
    redis.call('ZADD', leases, 0, row.attempt .. ':' .. id .. ':' .. row.name)
  end
end
redis.call('HSET', run, 'inFlight', string.format('%.0f', in_flight))
list_run(run, KEYS[5], KEYS[6], seen, ARGV[1])
watch_run(KEYS[7], id, is_running and in_flight == 0 and string.format('%.0f', now))
watch_run(KEYS[8], id, is_running and since and string.format('%.0f', since))
redis.call('DEL', KEYS[10])
return { 'ok' }
