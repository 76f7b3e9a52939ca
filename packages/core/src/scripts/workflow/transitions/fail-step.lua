-- fail-step: records that the step's current attempt failed.
--
-- ARGS[1] stepId  the step's id
-- ARGS[2] error   JSON
-- ARGS[3] attempt  of which the caller speaks, or '' for the current one
-- ARGS[4] retries  how many retries a step has that says nothing of it
--
-- Returns {'ok'}, {'kept', status} or {'no-step'}.
--
-- A worker that lost its step speaks of an attempt that is over: the current
-- one is another worker's.
--
-- Never over a result: after a result was recorded the engine may still fail
-- (its queue is down, say) and report that on the same step.
--
-- Idempotent: an attempt that failed keeps its first error. The operation id
-- outlives the attempt, so a repeated call that was on its way for so long that
-- the next one has begun does not fail that.

transitions['fail-step'] = function(run, key, name, args)
  local step, refused = open_step(run, key, name, args[1])
  if not step then
    return refused
  end
  local status = step.fields.status
  if step.fields.finish == operation then
    return { 'ok' }
  end
  local is_over = args[3] ~= '' and args[3] ~= (step.fields.attemptCount or '1')
  if is_over or status == 'succeeded' or status == 'failed' then
    return { 'kept', status }
  end
  local stamp = tick(run)
  change_step(run, step, {
    'status', 'failed', 'error', args[2], 'failedAt', stamp, 'updatedAt', stamp, 'finish', operation,
  }, { 'result' })
  local attempt, retries = tonumber(step.fields.attemptCount or '') or 1, tonumber(step.fields.retries or '')
  if run.fence == '' and (step.fields.childRunId or attempt > (retries or tonumber(args[4]))) then
    -- With an attempt left it is its worker's queue that goes on.
    wake(run)
  end
  return { 'ok' }
end
