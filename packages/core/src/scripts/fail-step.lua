-- fail-step: records that the step's current attempt failed.
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
-- ARGV[4] error     JSON
--
-- Returns {'ok'}, {'kept', status}, {'no-run'}, {'no-step'} or {'lost'}.
--
-- Never over a result: after a result was recorded the engine may still fail
-- (its queue is down, say) and report that on the same step.
--
-- Idempotent: an attempt that failed keeps its first error. The operation id
-- outlives the attempt, so a repeated call that was on its way for so long that
-- the next one has begun does not fail that.

local step, refused = open_step()
if not step then
  return refused
end
local status = step.fields.status
if step.fields.finish == operation then
  return { 'ok' }
end
if status == 'succeeded' or status == 'failed' then
  return { 'kept', status }
end
local stamp = tick(KEYS[1])
write_step(step, {
  status = 'failed',
  error = ARGV[4],
  failedAt = stamp,
  updatedAt = stamp,
  result = false,
  finish = operation,
})
return { 'ok' }
