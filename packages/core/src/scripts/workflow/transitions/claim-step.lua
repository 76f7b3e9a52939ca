-- claim-step: gives a step to one worker that will run it.
--
-- ARGS[1] rpcName  the function that the worker was told to run, or ''
-- ARGS[2] leaseMs  for how long, in ms, the step is the caller's
-- ARGS[3] retries  how many retries a step has that says nothing of it
--
-- Returns {'ok', field, value, ...}: the step, now 'running';
-- {'kept', status} if it is not to be had; {'mismatch'} if the step was
-- recorded with another function; {'held'} while a process of 0.12 claims it
-- under the step's lock; {'no-step'}.
--
-- The key of the step's lock comes after the step's own.
--
-- A failed step gets its next attempt, if its budget has one: a message that
-- comes twice brings no attempts of its own. One that runs or has succeeded is left
-- alone: of concurrent claims exactly one wins.
--
-- Idempotent: the winner's operation id stays with the attempt, so a repeated
-- call whose first reply was lost is the winner again.

transitions['claim-step'] = function(run, key, name, args, lock)
  local step = read_step(run, key, name)
  local fields = step.fields
  if not fields.stepId then
    return { 'no-step' }
  end
  if (fields.rpcName or '') ~= args[1] then
    return { 'mismatch' }
  end
  local status, attempt = fields.status, tonumber(fields.attemptCount or '') or 1
  if status == 'running' and fields.operation == operation then
    return ok_with(step)
  end
  if status == 'running' or status == 'succeeded' then
    return { 'kept', status }
  end
  if status == 'failed' and (fields.spent or attempt > (tonumber(fields.retries or '') or tonumber(args[3]))) then
    return { 'kept', status }
  end
  if redis.call('EXISTS', lock) == 1 then
    return { 'held' }
  end
  step.lease_ms = tonumber(args[2])
  if status == 'failed' then
    next_attempt(run, step, 'running')
  else
    local stamp = tick(run)
    change_step(run, step, {
      'status', 'running', 'runningAt', stamp, 'updatedAt', stamp, 'operation', operation,
    })
    mark_queued(run, step)
  end
  return ok_with(step)
end
