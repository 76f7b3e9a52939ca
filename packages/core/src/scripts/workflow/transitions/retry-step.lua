-- retry-step: starts the next attempt of a failed step.
--
-- ARGS[1] stepId   the step's id
-- ARGS[2] status   'pending' or 'running': what the new attempt begins as
-- ARGS[3] leaseMs  for how long, in ms, a running step is the caller's
--
-- Returns {'ok', field, value, ...}: the step with its new attempt;
-- {'kept', status, attempt} or {'no-step'}.
--
-- Only from 'failed': of concurrent retries exactly one gets the attempt.
--
-- Idempotent: the winner's operation id stays with the attempt, so a repeated
-- call whose first reply was lost is the winner again.

transitions['retry-step'] = function(run, key, name, args)
  local step, refused = open_step(run, key, name, args[1])
  if not step then
    return refused
  end
  local fields = step.fields
  if fields.operation == operation then
    return ok_with(step)
  end
  if fields.status ~= 'failed' then
    return { 'kept', fields.status, fields.attemptCount }
  end
  step.lease_ms = tonumber(args[3])
  next_attempt(run, step, args[2])
  return ok_with(step)
end
