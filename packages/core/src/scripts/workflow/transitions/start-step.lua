-- start-step: the caller is about to run the step's current attempt.
--
-- ARGS[1] stepId   the step's id
-- ARGS[2] leaseMs  for how long, in ms, the step is the caller's
--
-- Returns {'ok', attempt}, {'kept', status, attempt} or {'no-step'}.
--
-- From any status but 'succeeded': the engine starts a failed attempt again
-- when the process that should have retried it died.
--
-- Idempotent: a repeated call finds its operation id and gets the first answer,
-- with the first start as the time. One that was on its way for so long that
-- the attempt has failed since does not start it again.

transitions['start-step'] = function(run, key, name, args)
  local step, refused = open_step(run, key, name, args[1])
  if not step then
    return refused
  end
  local status, attempt = step.fields.status, step.fields.attemptCount or '1'
  local repeated = step.fields.operation == operation
  if status == 'running' and repeated then
    return { 'ok', attempt }
  end
  if status == 'succeeded' or status == 'running' or (status == 'failed' and repeated) then
    return { 'kept', status, attempt }
  end
  step.lease_ms = tonumber(args[2])
  local stamp = tick(run)
  change_step(run, step, {
    'status', 'running', 'runningAt', stamp, 'updatedAt', stamp, 'operation', operation,
  }, { 'error', 'failedAt' })
  mark_queued(run, step)
  return { 'ok', attempt }
end
