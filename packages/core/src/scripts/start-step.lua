-- start-step: the caller is about to run the step's current attempt.
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
-- ARGV[1] fence     token of the run lock, or ''
-- ARGV[2] stepName  the step's name
-- ARGV[3] stepId    the step's id
-- ARGV[4] leaseMs   for how long, in ms, the step is the caller's
--
-- Returns {'ok', attempt}, {'kept', status, attempt}, {'no-run'}, {'no-step'} or {'lost'}.
--
-- From any status but 'succeeded': the engine starts a failed attempt again
-- when the process that should have retried it died.
--
-- Idempotent: a repeated call finds 'running' and keeps it, with the first
-- start as the time. One that was on its way for so long that the attempt has
-- failed since finds its operation id, and does not start it again.

local step, refused = open_step()
if not step then
  return refused
end
local status = step.fields.status
if status == 'succeeded' or status == 'running' or step.fields.operation == operation then
  return { 'kept', status, step.fields.attemptCount or '1' }
end
step.lease_ms = tonumber(ARGV[4])
local stamp = tick(KEYS[1])
write_step(step, {
  status = 'running',
  runningAt = stamp,
  updatedAt = stamp,
  error = false,
  failedAt = false,
  operation = operation,
  queued = queued(ARGV[1]),
})
return { 'ok', step.fields.attemptCount or '1' }
