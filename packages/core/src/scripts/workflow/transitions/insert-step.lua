-- insert-step: adds a step to a run, 'pending', with its first history entry.
--
-- ARGS[1] stepId  the id that the step gets if this call creates it
-- ARGS    rest    field, value, ... of the step
--
-- Returns {'ok', field, value, ...}: the step as it is now.
--
-- Idempotent: a step that exists is returned as it is, whoever created it. One
-- that 0.12 wrote is in no index yet: it is entered, and otherwise left alone.

transitions['insert-step'] = function(run, key, name, args)
  local step = read_step(run, key, name)
  if step.fields.stepId then
    if not step.attempt.position and not step.attempt.dirty then
      tick(run)
      change_step(run, step, { 'stepId', step.fields.stepId })
    end
    return ok_with(step)
  end
  local stamp = tick(run)
  change_step(run, step, {
    'stepId', args[1], 'status', 'pending', 'attemptCount', '1', 'createdAt', stamp, 'updatedAt', stamp,
    unpack(args, 2),
  })
  return ok_with(step)
end
