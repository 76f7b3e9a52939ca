-- forget-run: takes a run that is not running out of an index of the sweeps.
--
-- KEYS[1] run    the run's hash
-- KEYS[2] index  of idle runs, or of runs with a step to be dispatched
-- ARGV[1] runId  the run's id
--
-- Returns 1 if it was taken out.
--
-- 0.12 ends a run, or deletes it, and knows nothing of the indexes. One that
-- goes on at this moment keeps its entry.
--
-- Idempotent: what is gone is gone.

if redis.call('HGET', KEYS[1], 'status') == 'running' then
  return 0
end
return redis.call('ZREM', KEYS[2], ARGV[1])
