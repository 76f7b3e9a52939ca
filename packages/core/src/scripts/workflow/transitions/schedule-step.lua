-- schedule-step: a pending step was handed to a queue or a timer.
--
-- ARGS[1] stepId  the step's id
--
-- Returns {'ok'}, {'kept', status} or {'no-step'}.
--
-- Only from 'pending': the worker that got the message may have started, or
-- finished, before its dispatcher says so; taking 'running' back would let a
-- second worker in.
--
-- Idempotent: a repeated call finds 'scheduled' and keeps it.

transitions['schedule-step'] = function(run, key, name, args)
  local step, refused = open_step(run, key, name, args[1])
  if not step then
    return refused
  end
  if step.fields.status ~= 'pending' then
    return { 'kept', step.fields.status }
  end
  local stamp = tick(run)
  change_step(run, step, { 'status', 'scheduled', 'scheduledAt', stamp, 'updatedAt', stamp })
  return { 'ok' }
end
