-- set-run-state: sets one variable of a run's state.
--
-- ARGS[1] name   the variable
-- ARGS[2] value  JSON
--
-- Returns {'ok'}.
--
-- Idempotent: one field gets one value; other variables are not touched.

transitions['set-run-state'] = function(run, _, _, args)
  redis.call('HEXISTS', STATE, args[1])
  run.variables = run.variables or {}
  run.variables[#run.variables + 1] = args[1]
  run.variables[#run.variables + 1] = args[2]
  set_run(run, 'updatedAt', tick(run))
  -- The engine keeps what was decided about a gate in such a variable.
  if run.fence == '' and string.sub(args[1], 1, 11) == '__approval_' then
    wake(run)
  end
  return { 'ok' }
end
