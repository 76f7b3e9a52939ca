-- adopt-agent: notes how many threads an agent's set has, all of which have
-- been adopted.
--
-- KEYS[1] agents    how many threads each agent has
-- ARGV[1] agentName
-- ARGV[2] count
--
-- Returns {'ok'}.
--
-- Idempotent: a repeated call notes the same. If a thread came or went in
-- between, the count is wrong, and the next page adopts the agent again.

if ARGV[2] == '0' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
return { 'ok' }
