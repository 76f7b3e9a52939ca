-- insert-step: adds a step to a run, 'pending', with its first history entry.
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
-- ARGV[3] stepId    the id that the step gets if this call creates it
-- ARGV    rest      field, value, ... of the step
--
-- Returns {'ok', field, value, ...}: the step as it is now; {'no-run'} or
-- {'lost'}.
--
-- Idempotent: a step that exists is returned as it is, whoever created it. One
-- that 0.12 wrote is in no index yet: it is entered, and otherwise left alone.

local run, lock, steps, history = KEYS[1], KEYS[2], KEYS[4], KEYS[5]
local fence, name, id = ARGV[1], ARGV[2], ARGV[3]

local refused = refuse(run, lock, fence)
if refused then
  return refused
end
local step = read_step(KEYS[3], name, steps, history)
if step.fields.stepId then
  if not step.position then
    write_step(step, { stepId = step.fields.stepId })
  end
  return { 'ok', unpack(flatten(step)) }
end
local stamp = tick(run)
local changes = { stepId = id, status = 'pending', attemptCount = '1', createdAt = stamp, updatedAt = stamp }
for i = 4, #ARGV, 2 do
  changes[ARGV[i]] = ARGV[i + 1]
end
write_step(step, changes)
return { 'ok', unpack(flatten(step)) }
