-- find-approvals: the runs that wait for a decision about a tool call. Only
-- reads.
--
-- KEYS[1] approvals  index of approvals that somebody has to decide
-- ARGV[1] toolCallId
--
-- Returns {'ok', run id, its member of the index, ...}, the last to ask first.
--
-- Idempotent: it writes nothing.

local name = encoded(ARGV[1])
local outcome = { 'ok' }
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], '(' .. name .. '\0\1', '[' .. name .. '\0\0', 'BYLEX', 'REV')) do
  outcome[#outcome + 1] = string.sub(member, #name + 2 + 16 + 1 + 1)
  outcome[#outcome + 1] = member
end
return outcome
