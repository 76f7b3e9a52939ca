-- recover-step: takes a step from a worker whose lease ran out.
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
-- KEYS    rest     the step's hash
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
--   {'beside-gate'}  the same, and the run is suspended at a gate beside it
--   {'kept'}     the lease was renewed, or the driver is alive
--   {'dropped'}  the lease was of a step that is in no worker's hands, or of a
--                gate that waits for somebody
--
-- A step that a queue's worker had is failed with the error, within its budget
-- of attempts. A step of the driver has the run lock for its sign of life. One
-- with a child run is the child's to end, unless the child ended and died.
-- Beside a worker that comes back after all, the first result counts.
--
-- Idempotent: the lease goes with the attempt, so a repeated call finds none and
-- says 'dropped'. The run is to be driven then, and noted for another sweep. What
-- is only waited for keeps its lease, and is looked at again.

-- What the engine calls steps that wait for a person.
local GATES = { pikkuWorkflowApproval = true, pikkuWorkflowSuspend = true }
-- In leases: an hour of the default ones.
local SELDOM = 120
local step_name, lease, orphans, retries = ARGV[1], ARGV[2], ARGV[4], tonumber(ARGV[5])

-- Who only waits is looked at less often: there may be many.
local function look_again(times)
  redis.call('ZADD', LEASES, text_of(now + tonumber(ARGV[3]) * times), lease)
end

local function drop()
  redis.call('ZREM', LEASES, lease)
  return { 'dropped' }
end

local ends = tonumber(redis.call('ZSCORE', LEASES, lease) or '')
if not ends then
  return { 'dropped' }
end
if ends > now then
  return { 'kept' }
end
local run = open_run('')
if not run or (run.status ~= 'running' and run.status ~= 'suspended') then
  return drop()
end
local step = read_step(run, KEYS[12], step_name)
if step.lease_was ~= lease then
  return drop()
end
local fields = step.fields
if fields.childRunId then
  look_again(4)
  return { 'child', fields.stepId, fields.childRunId }
end
if not fields.queued and redis.call('EXISTS', LOCK) == 1 then
  look_again(1)
  return { 'kept' }
end
local is_gate, is_suspended = GATES[fields.rpcName], run.status == 'suspended'
if not fields.queued and is_gate and is_suspended then
  -- When the run goes on, it is noted that it has to be driven.
  return drop()
end
if not fields.queued then
  -- Beside a gate, or at it, the run may be driven in vain, for as long as the
  -- gate is shut: once soon, then seldom.
  look_again((is_gate or is_suspended) and SELDOM or 1)
  return { is_suspended and 'beside-gate' or 'redrive' }
end
local attempt = tonumber(fields.attemptCount or '') or 1
local stamp = tick(run)
local again = orphans == 'retry' and attempt <= (tonumber(fields.retries or '') or retries)
change_step(run, step, {
  'status', 'failed', 'error', ARGV[6], 'failedAt', stamp, 'updatedAt', stamp, 'finish', operation,
})
if not again then
  -- The queue gives the message of the dead worker again.
  change_step(run, step, { 'spent', '1' })
end
if again then
  next_attempt(run, step, 'pending')
end
wake(run)
save(run)
return { again and 'retried' or 'failed' }
