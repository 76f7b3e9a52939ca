-- renew-channel-owner: a process still keeps its channels.
--
-- KEYS[1] owners   the owners; the score is when the lease ends
-- ARGV[1] owner
-- ARGV[2] leaseMs  for how long from now, in ms
--
-- Returns {'ok'}; {'late'}: the lease had run out, but nobody had given the owner
-- up; or {'lost'}: it was given up, and nothing was written.
--
-- Idempotent: a repetition prolongs the lease again.

local score = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
if score == 0 then
  return { 'lost' }
end
local ends = string.format('%.0f', now + tonumber(ARGV[2]))
redis.call('ZADD', KEYS[1], 'XX', ends, ARGV[1])
return { score < now and 'late' or 'ok' }
