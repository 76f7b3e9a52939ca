-- succeed-step: records the result of a step, for good.
--
-- ARGS[1] stepId  the step's id
-- ARGS[2] result  JSON, or '' for undefined
--
-- Returns {'ok'}, {'kept', status} or {'no-step'}.
--
-- From any status but 'succeeded': a result that comes late, after an error
-- was recorded, is still a result.
--
-- Idempotent: the first result stays, so a repeated call changes nothing; by
-- its operation id it gets the first answer.

transitions['succeed-step'] = function(run, key, name, args)
  local step, refused = open_step(run, key, name, args[1])
  if not step then
    return refused
  end
  if step.fields.status == 'succeeded' then
    if step.fields.finish == operation then
      return { 'ok' }
    end
    return { 'kept', 'succeeded' }
  end
  local stamp, result = tick(run), args[2]
  change_step(run, step, {
    'status', 'succeeded', 'succeededAt', stamp, 'updatedAt', stamp, 'finish', operation,
  }, { 'error', 'failedAt', 'result' })
  if result ~= '' then
    change_step(run, step, { 'result', result })
  end
  if run.fence == '' then
    wake(run)
  end
  return { 'ok' }
end
