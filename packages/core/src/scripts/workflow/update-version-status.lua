-- update-version-status: sets the status of a workflow version.
--
-- KEYS[1] version  the version's hash
-- ARGV[1] status   the new status
--
-- Returns {'ok'}, or {'no-version'}: no write creates half a version.
--
-- Idempotent: one field gets one value.

if redis.call('HEXISTS', KEYS[1], 'graph') == 0 then
  return { 'no-version' }
end
redis.call('HSET', KEYS[1], 'status', ARGV[1])
return { 'ok' }
