-- update-run-status: sets a run's status, with its output and error.
--
-- ARGS[1] status  the new status
-- ARGS[2] output  JSON, or '' to leave the output as it is
-- ARGS[3] error   JSON, or '' for none: an error ends with its status
--
-- Returns {'ok'}, or {'kept', status} for a run that has ended.
--
-- Idempotent: the run keeps the operation id of its last change of status, so
-- a repeated call changes nothing and gets the first answer.

transitions['update-run-status'] = function(run, _, _, args)
  local status, output, error = args[1], args[2], args[3]
  local current = run.status
  if run.operation == operation then
    return { 'ok' }
  end
  if current == 'completed' or current == 'failed' or current == 'cancelled' then
    return { 'kept', current }
  end
  run.status, run.operation = status, operation
  run.changes_status = true
  set_run(run, 'status', status)
  set_run(run, 'updatedAt', tick(run))
  -- The gate, a step in flight, keeps the run out of the idle ones: while a driver
  -- is on its way to it, or from it, only the note says that there is one.
  if status == 'running' and current == 'suspended' or status == 'suspended' and run.fence ~= '' then
    wake(run)
  end
  set_run(run, 'operation', operation)
  if output ~= '' then
    set_run(run, 'output', output)
  end
  if error ~= '' then
    set_run(run, 'error', error)
  else
    run.gone[#run.gone + 1] = 'error'
  end
  return { 'ok' }
end
