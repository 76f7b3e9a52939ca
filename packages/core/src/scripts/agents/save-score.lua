-- save-score: adds a grade to those of a run.
--
-- KEYS[1] run       the run's hash
-- ARGV[1] score     the score as JSON
--
-- Returns {'ok'}; {'no-run'} if there is none: nothing was written.
--
-- Idempotent: the run knows its last calls, and a repeated one adds nothing.

local run = KEYS[1]
if redis.call('HEXISTS', run, 'runId') == 0 then
  return { 'no-run' }
end
if not is_repeat(run) then
  local number = redis.call('HINCRBY', run, 'scores', 1)
  redis.call('HSET', run, 'score:' .. number, now_text .. ':' .. ARGV[1])
end
return { 'ok' }
