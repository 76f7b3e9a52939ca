-- claim-step: gives a step to one worker that will run it.
--
-- KEYS[1] run        the run's hash
-- KEYS[2] lock       the run's lock
-- KEYS[3] step       the step's hash
-- KEYS[4] steps      the run's index of step names
-- KEYS[5] history    the run's history
-- KEYS[6] pendingSteps  the run's steps that wait to be dispatched
-- KEYS[7] idle      index of runs with nothing in flight
-- KEYS[8] pending   index of runs with a step that waits to be dispatched
-- KEYS[9] leases    index of steps in a worker's hands
-- ARGV[1] fence      token of the run lock, or ''
-- ARGV[2] stepName   the step's name
-- ARGV[3] rpcName    the function that the worker was told to run, or ''
-- ARGV[4] leaseMs    for how long, in ms, the step is the caller's
--
-- Returns {'ok', field, value, ...}: the step, now 'running';
-- {'kept', status} if it is not to be had; {'mismatch'} if the step was
-- recorded with another function; {'no-run'}, {'no-step'} or {'lost'}.
--
-- A failed step gets its next attempt; one that runs or has succeeded is left
-- alone: of concurrent claims exactly one wins.
--
-- Idempotent: the winner's operation id stays with the attempt, so a repeated
-- call whose first reply was lost is the winner again.

local run, lock = KEYS[1], KEYS[2]
local fence, name, rpc = ARGV[1], ARGV[2], ARGV[3]

local refused = refuse(run, lock, fence)
if refused then
  return refused
end
local step = read_step(KEYS[3], name, KEYS[4], KEYS[5])
local fields = step.fields
if not fields.stepId then
  return { 'no-step' }
end
if (fields.rpcName or '') ~= rpc then
  return { 'mismatch' }
end
local status = fields.status
if status == 'running' and fields.operation == operation then
  return { 'ok', unpack(flatten(step)) }
end
if status == 'running' or status == 'succeeded' then
  return { 'kept', status }
end
step.lease_ms = tonumber(ARGV[4])
local stamp = tick(run)
if status == 'failed' then
  next_attempt(step, 'running', stamp)
else
  write_step(step, {
    status = 'running',
    runningAt = stamp,
    updatedAt = stamp,
    operation = operation,
    queued = queued(fence),
  })
end
return { 'ok', unpack(flatten(step)) }
