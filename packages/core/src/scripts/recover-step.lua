-- recover-step: takes a step from a worker whose lease ran out.
--
-- KEYS[1] run       the run's hash
-- KEYS[2] lock      the run's lock
-- KEYS[3] step      the step's hash
-- KEYS[4] steps     the run's index of step names
-- KEYS[5] history   the run's history
-- KEYS[6] pendingSteps  the run's steps that wait to be dispatched
-- KEYS[7] idle      index of runs with nothing in flight
-- KEYS[8] pending   index of runs with a step that waits to be dispatched
-- KEYS[9] leases    index of steps in a worker's hands
-- ARGV[1] stepName  the step's name
-- ARGV[2] lease     the lease that was found to have ended
-- ARGV[3] leaseMs   when to look again, in ms, at what is only waited for
-- ARGV[4] orphans   'retry' or 'fail'
-- ARGV[5] retries   how many retries a step has that says nothing of it
-- ARGV[6] error     JSON, for the attempt that was lost
--
-- Returns what became of it:
--   {'retried'}  the attempt failed, the next one is 'pending'
--   {'failed'}   the attempt failed, and it was the last
--   {'child', stepId, childRunId}  the step waits for its child run
--   {'redrive'}  a step of the run's own driver, which is gone: a replay does it
--   {'kept'}     the lease was renewed, or the driver is alive
--   {'dropped'}  the lease was of a step that is in no worker's hands
--
-- A step that a queue's worker had is failed with the error, within its budget
-- of attempts. A step of the driver has the run lock for its sign of life. One
-- with a child run is the child's to end, unless the child ended and died.
-- Beside a worker that comes back after all, the first result counts.
--
-- Idempotent: the lease goes with the attempt, so a repeated call finds none and
-- says 'dropped'. The step is 'pending' then, or its run idle: other sweeps see
-- to it. What is only waited for keeps its lease, and is looked at again.

local step_name, lease, orphans, retries = ARGV[1], ARGV[2], ARGV[4], tonumber(ARGV[5])
local run, leases = KEYS[1], KEYS[9]

local function look_again()
  redis.call('ZADD', leases, string.format('%.0f', now + tonumber(ARGV[3])), lease)
end

local ends = tonumber(redis.call('ZSCORE', leases, lease) or '')
if not ends then
  return { 'dropped' }
end
if ends > now then
  return { 'kept' }
end
local seen = redis.call('HMGET', run, 'id', 'status')
local status = seen[2]
local step = read_step(KEYS[3], step_name, KEYS[4], KEYS[5])
local fields = step.fields
local attempt = tonumber(fields.attemptCount or '') or 1
local held = seen[1] and fields.status == 'running'
  and lease == string.format('%.0f', attempt) .. ':' .. seen[1] .. ':' .. step_name
if not held or (status ~= 'running' and status ~= 'suspended') then
  redis.call('ZREM', leases, lease)
  return { 'dropped' }
end
if fields.childRunId then
  look_again()
  return { 'child', fields.stepId, fields.childRunId }
end
if not fields.queued and status == 'suspended' then
  -- A gate. When the run goes on, it is in the index of idle runs.
  redis.call('ZREM', leases, lease)
  return { 'dropped' }
end
if not fields.queued then
  look_again()
  return { redis.call('EXISTS', KEYS[2]) == 1 and 'kept' or 'redrive' }
end
local stamp = tick(run)
write_step(step, { status = 'failed', error = ARGV[6], failedAt = stamp, updatedAt = stamp, finish = operation })
if orphans == 'retry' and attempt <= (tonumber(fields.retries or '') or retries) then
  next_attempt(step, 'pending', tick(run))
  return { 'retried' }
end
return { 'failed' }
