-- delete-run: removes a run, all that belongs to it and its index entries.
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
-- KEYS    rest     the hashes of all its steps, then other keys that go along
-- ARGV    rest     the names of its steps, in the order of their hashes
--
-- Returns {'ok'}; {'none'} if there was no such run; {'changed'} if the run
-- has another number of steps than the caller says: it should look again.
--
-- {'unlisted'} if 0.12 wrote it: its steps are in no index yet.
--
-- The run's lock goes too: a holder that is at work loses it, and can write
-- nothing any more.
--
-- Idempotent: a repeated call that finds nothing left may say 'none'.

local seen = redis.call('HMGET', RUN, 'id', 'workflow', 'createdAt', 'listed')
if not seen[1] then
  return { 'none' }
end
if redis.call('ZCARD', STEPS) > #ARGV then
  return { 'changed' }
end
if not seen[4] then
  return { 'unlisted' }
end
local id, workflow, listed = seen[1], seen[2] or '', seen[4]
local leases = {}
for i, name in ipairs(ARGV) do
  local attempt = redis.call('HGET', KEYS[11 + i], 'attemptCount') or '1'
  local lease = attempt .. ':' .. id .. ':' .. name
  if redis.call('ZSCORE', LEASES, lease) then
    leases[#leases + 1] = lease
  end
end
-- More at once than a call of Lua can take, perhaps.
for i = 1, #leases, 1000 do
  redis.call('ZREM', LEASES, unpack(leases, i, math.min(i + 999, #leases)))
end
local tail = member_tail(id, seen[3])
redis.call('ZREM', LISTING, 'a:' .. tail, 'w:' .. #workflow .. ':' .. workflow .. ':' .. tail,
  status_members(listed, workflow, tail))
change_count(COUNTS, listed, workflow, -1)
redis.call('ZREM', IDLE, id)
redis.call('ZREM', PENDING, id)
for i, key in ipairs(KEYS) do
  if i <= 6 or i > 11 then
    redis.call('DEL', key)
  end
end
return { 'ok' }
