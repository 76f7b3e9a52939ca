-- record-branch: notes which branch a graph node took.
--
-- ARGS[1] stepId     the step's id
-- ARGS[2] branchKey  the branch
--
-- Returns {'ok'} or {'no-step'}.
--
-- Idempotent: one field gets one value.

transitions['record-branch'] = function(run, key, name, args)
  local step, refused = open_step(run, key, name, args[1])
  if not step then
    return refused
  end
  change_step(run, step, { 'branchTaken', args[2], 'updatedAt', tick(run) })
  return { 'ok' }
end
