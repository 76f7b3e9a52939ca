-- acquire-run: takes the lock of a run that nobody holds, and reads the run and
-- the beginning of its history, which whoever drives it asks for first.
--
-- KEYS[1] lock     holds the owner's token
-- KEYS[2] run      the run's hash
-- KEYS[3] history  the run's history
-- ARGV[1] token    the caller's token, its own for each acquisition
-- ARGV[2] ttlMs    for how long, in ms
-- ARGV[3] limit    how many attempts to read
--
-- Returns {'ok', the run's fields and values, attempts}, or {'held', ms that the
-- holder has left}.
--
-- Reads before it writes: a key of another type fails the script, and the lock
-- stays free.
--
-- Idempotent: a repeated call of the owner, whose first reply was lost, finds
-- its own token and is the owner, for a full TTL again; nobody else drove the
-- run meanwhile.

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return { 'held', redis.call('PTTL', KEYS[1]) }
end
local run = redis.call('HGETALL', KEYS[2])
local attempts = redis.call('LRANGE', KEYS[3], 0, ARGV[3] - 1)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return { 'ok', run, attempts }
