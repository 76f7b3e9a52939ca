-- link-child-run: notes which run a step started.
--
-- ARGS[1] stepId      the step's id
-- ARGS[2] childRunId  the child run's id
-- ARGS[3] attempt     that started it, or '' for the current one
--
-- Returns {'ok'}, {'kept', status} if there is a later attempt, or {'no-step'}.
--
-- In any status: a child may have finished, and its step with it, before its
-- starter gets to say which run it was.
--
-- Idempotent: one field gets one value.

transitions['link-child-run'] = function(run, key, name, args)
  local step, refused = open_step(run, key, name, args[1])
  if not step then
    return refused
  end
  if args[3] ~= '' and args[3] ~= (step.fields.attemptCount or '1') then
    return { 'kept', step.fields.status }
  end
  change_step(run, step, { 'childRunId', args[2], 'updatedAt', tick(run) })
  if run.fence == '' and step.fields.status == 'failed' then
    -- As if it had failed after this: see fail-step.
    wake(run)
  end
  return { 'ok' }
end
