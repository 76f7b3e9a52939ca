-- update-agent-run: sets and clears fields of a run, and replaces what is
-- pending.
--
-- KEYS[1] run       the run's hash
-- KEYS[2] approvals  index of approvals that somebody has to decide
-- ARGV[1] runId
-- ARGV[2] fields    how many of the rest are fields and values to set
-- ARGV[3] cleared   how many after them are fields to clear
-- ARGV[4] replace   'asked' if the approvals that follow, which are asked for
--                   now, replace those there are; 'left' if they are what is
--                   left of them; or ''
-- ARGV    rest      field, value, ..., field, ..., call, JSON, ...
--
-- Returns {'ok'}; {'no-run'} if there is none: nothing was written.
--
-- Idempotent: the run knows its last calls, and a repeated one changes nothing.

local run, run_id = KEYS[1], ARGV[1]
local fields, cleared = tonumber(ARGV[2]), tonumber(ARGV[3])
if redis.call('HEXISTS', run, 'runId') == 0 then
  return { 'no-run' }
end
redis.call('ZCARD', KEYS[2])
if is_repeat(run) then
  return { 'ok' }
end
redis.call('HSET', run, 'updatedAt', now_text, unpack(ARGV, 5, 4 + fields))
if cleared > 0 then
  redis.call('HDEL', run, unpack(ARGV, 5 + fields, 4 + fields + cleared))
end
if ARGV[4] ~= '' then
  set_approvals(run, KEYS[2], run_id, 5 + fields + cleared, ARGV[4] == 'asked')
end
return { 'ok' }
