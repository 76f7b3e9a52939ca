-- link-child-run: notes which run a step started.
--
-- KEYS[1] run       the run's hash
-- KEYS[2] lock      the run's lock
-- KEYS[3] step      the step's hash
-- KEYS[4] steps     the run's index of step names
-- KEYS[5] history   the run's history
-- ARGV[1] fence     token of the run lock, or ''
-- ARGV[2] stepName  the step's name
-- ARGV[3] stepId    the step's id
-- ARGV[4] childRunId  the child run's id
--
-- Returns {'ok'}, {'no-run'}, {'no-step'} or {'lost'}.
--
-- In any status: a child may have finished, and its step with it, before its
-- starter gets to say which run it was.
--
-- Idempotent: one field gets one value.

local step, refused = open_step()
if not step then
  return refused
end
write_step(step, { childRunId = ARGV[4], updatedAt = tick(KEYS[1]) })
return { 'ok' }
