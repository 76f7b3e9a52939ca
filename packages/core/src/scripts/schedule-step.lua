-- schedule-step: a pending step was handed to a queue or a timer.
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
--
-- Returns {'ok'}, {'kept', status}, {'no-run'}, {'no-step'} or {'lost'}.
--
-- Only from 'pending': the worker that got the message may have started, or
-- finished, before its dispatcher says so; taking 'running' back would let a
-- second worker in.
--
-- Idempotent: a repeated call finds 'scheduled' and keeps it.

local step, refused = open_step()
if not step then
  return refused
end
if step.fields.status ~= 'pending' then
  return { 'kept', step.fields.status }
end
local stamp = tick(KEYS[1])
write_step(step, { status = 'scheduled', scheduledAt = stamp, updatedAt = stamp })
return { 'ok' }
