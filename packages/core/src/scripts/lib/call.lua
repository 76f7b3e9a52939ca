-- Shared by every script, in front of it: the call itself.
--
-- The runner puts two arguments before the script's own, which thus keep their
-- positions from 1 on:
--   deadline   ms since the epoch, by this server's clock
--   operation  the call's id, the same when the call is repeated
--
-- A call that arrives after its deadline does nothing. Its caller was told so
-- and may have acted on it; a client that was away still sends what it kept,
-- and a claim that nobody waits for would keep a step for ever.
-- The answer holds this server's time: callers learn its clock from it.

local deadline = tonumber(table.remove(ARGV, 1))
local operation = table.remove(ARGV, 1)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > deadline then
  return { 'expired', string.format('%.0f', now) }
end
