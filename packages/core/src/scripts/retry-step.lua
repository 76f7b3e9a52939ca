-- retry-step: starts the next attempt of a failed step.
--
-- KEYS[1] run       the run's hash
-- KEYS[2] lock      the run's lock
-- KEYS[3] step      the step's hash
-- KEYS[4] steps     the run's index of step names
-- KEYS[5] history   the run's history
-- KEYS[6] pendingSteps  the run's steps that wait to be dispatched
-- KEYS[7] idle      index of runs with nothing in flight
-- KEYS[8] pending   index of runs with a step that waits to be dispatched
-- KEYS[9] leases    index of steps in a worker's hands
-- ARGV[1] fence     token of the run lock, or ''
-- ARGV[2] stepName  the step's name
-- ARGV[3] stepId    the step's id
-- ARGV[4] status    'pending' or 'running': what the new attempt begins as
-- ARGV[5] leaseMs   for how long, in ms, a running step is the caller's
--
-- Returns {'ok', field, value, ...}: the step with its new attempt;
-- {'kept', status, attempt}, {'no-run'}, {'no-step'} or {'lost'}.
--
-- Only from 'failed': of concurrent retries exactly one gets the attempt.
--
-- Idempotent: the winner's operation id stays with the attempt, so a repeated
-- call whose first reply was lost is the winner again.

local step, refused = open_step()
if not step then
  return refused
end
local status = ARGV[4]
local fields = step.fields
if fields.operation == operation then
  return { 'ok', unpack(flatten(step)) }
end
if fields.status ~= 'failed' then
  return { 'kept', fields.status, fields.attemptCount }
end
step.lease_ms = tonumber(ARGV[5])
next_attempt(step, status, tick(KEYS[1]))
return { 'ok', unpack(flatten(step)) }
