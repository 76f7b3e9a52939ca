-- create-agent-run: writes a new run of a thread.
--
-- KEYS[1] thread    the thread's hash
-- KEYS[2] threads   all threads, by their last change
-- KEYS[3] listed    what of them is in the indexes
-- KEYS[4] byOwner   index by resource id
-- KEYS[5] byAgent   index by agent
-- KEYS[6] agents    how many threads each agent has
-- KEYS[7] listing   where the thread is in the indexes
-- KEYS[8] run       the run's hash
-- KEYS[9] threadRuns  the thread's runs
-- KEYS[10] agentThreads  the agent's threads
-- KEYS[11] approvals  index of approvals that somebody has to decide
-- ARGV[1] threadId
-- ARGV[2] runId     one that nobody else has
-- ARGV[3] agentName
-- ARGV[4] createdAt  in ms
-- ARGV[5] fields    how many of the rest are the run's
-- ARGV    rest      field, value, ..., then call, JSON, ... of its approvals
--
-- Returns {'ok'}; {'no-thread'} if there is none: nothing was written.
--
-- Idempotent: a repeated call finds its run.

local id, run_id, agent, created, fields = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
if redis.call('HEXISTS', THREAD, 'id') == 0 then
  return { 'no-thread' }
end
if redis.call('HEXISTS', KEYS[8], 'runId') == 1 then
  return { 'ok' }
end
-- A key of another type than it should be of fails the script here, or never.
redis.call('SCARD', KEYS[10])
redis.call('ZCARD', KEYS[11])
redis.call('HEXISTS', AGENTS, agent)
redis.call('HEXISTS', LISTING, 'owner')
local same = redis.call('ZCOUNT', KEYS[9], created, '(' .. tonumber(created) + 1)

redis.call('HSET', KEYS[8], unpack(ARGV, 6, 5 + fields))
set_approvals(KEYS[8], KEYS[11], run_id, 6 + fields, true)
-- Runs of the same millisecond stay in the order in which they were made.
redis.call('ZADD', KEYS[9], string.format('%.4f', created + math.min(same, 999) / 1000), run_id)
if redis.call('SADD', KEYS[10], id) == 1 then
  redis.call('HINCRBY', AGENTS, agent, 1)
end
redis.call('HSET', LISTING, 'agent:' .. agent, '1')
if redis.call('ZSCORE', THREADS, id) then
  list(id)
end
return { 'ok' }
