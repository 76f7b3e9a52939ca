-- add-step: insert-step of a caller that goes on as if the step were new.
--
-- ARGS[1] stepId  the id that the step gets
-- ARGS    rest    field, value, ... of the step
--
-- Returns {'ok'} if the step is the caller's, {'conflict'} if there was one.
--
-- Idempotent: the id is the caller's own, so a repeated call finds its step.

transitions['add-step'] = function(run, key, name, args)
  -- Most steps are new: there is nothing to read of them.
  local is_new = not run.steps[name] and redis.call('EXISTS', key) == 0
  local step = is_new and unread_step(run, key, name) or read_step(run, key, name)
  if not step.fields.stepId then
    transitions['insert-step'](run, key, name, args)
  end
  return { step.fields.stepId == args[1] and 'ok' or 'conflict' }
end
