-- succeed-step: records the result of a step, for good.
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
-- ARGV[4] result    JSON, or '' for undefined
--
-- Returns {'ok'}, {'kept', status}, {'no-run'}, {'no-step'} or {'lost'}.
--
-- From any status but 'succeeded': a result that comes late, after an error
-- was recorded, is still a result.
--
-- Idempotent: the first result stays, so a repeated call changes nothing; by
-- its operation id it gets the first answer.

local step, refused = open_step()
if not step then
  return refused
end
if step.fields.status == 'succeeded' then
  if step.fields.finish == operation then
    return { 'ok' }
  end
  return { 'kept', 'succeeded' }
end
local result = ARGV[4]
local stamp = tick(KEYS[1])
write_step(step, {
  status = 'succeeded',
  result = result ~= '' and result,
  succeededAt = stamp,
  updatedAt = stamp,
  error = false,
  failedAt = false,
  finish = operation,
})
return { 'ok' }
