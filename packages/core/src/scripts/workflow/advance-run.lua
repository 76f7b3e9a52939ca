-- advance-run: makes one or more transitions of a run, in order, all or none.
--
-- KEYS[1] run      the run's hash
-- KEYS[2] lock     the run's lock
-- KEYS[3] steps    the run's index of step names
-- KEYS[4] history  the run's history
-- KEYS[5] state    the run's state, a field for each variable
-- KEYS[6] pendingSteps  the run's steps that wait to be dispatched
-- KEYS[7] listing  index of all runs
-- KEYS[8] counts   how many there are of each kind
-- KEYS[9] idle     index of runs with nothing in flight
-- KEYS[10] pending  index of runs with a step that waits to be dispatched
-- KEYS[11] leases  index of steps in a worker's hands
-- KEYS    rest     the hashes of the steps, some with the key of a step's lock
-- ARGV[1] fence    token of the run lock, or ''
-- ARGV    rest     for each transition its name, the position of its step in
--                  KEYS or 0, the step's name, how many arguments it has, and
--                  these (ARGS in the transition's own file)
--
-- Returns what each transition returns; {'no-run'} or {'lost'} if none is made.
--
-- A transition that is refused changes nothing, and does not keep the others
-- from being made.
--
-- Idempotent: each transition is, by this call's operation id.

local run, refused = open_run(ARGV[1])
if not run then
  return refused
end
-- Each transition has an id of its own, the same when the call is repeated: two
-- retries of one step in one call are two callers', and one wins.
local answers, call_id = {}, operation
local at = 2
while ARGV[at] do
  local position, count = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 3])
  local args = {}
  for i = 1, count do
    args[i] = ARGV[at + 3 + i]
  end
  operation = #answers == 0 and call_id or call_id .. ':' .. #answers
  answers[#answers + 1] = transitions[ARGV[at]](run, KEYS[position], ARGV[at + 2], args, KEYS[position + 1])
  at = at + 4 + count
end
save(run)
return answers
