-- Shared by every script, in front of it: the call itself.
--
-- The runner puts two arguments after the script's own, and here they go again
-- before the script looks at its own:
--   deadline   ms since the epoch, by this server's clock
--   operation  the call's id, the same when the call is repeated
--
-- A call that arrives after its deadline does nothing. Its caller was told so
-- and may have acted on it; a client that was away still sends what it kept,
-- and a claim that nobody waits for would keep a step for ever.
-- The answer holds this server's time: callers learn its clock from it.

local operation = table.remove(ARGV)
local deadline = tonumber(table.remove(ARGV))
local time = redis.call('TIME')
-- Put together as text: to format a number costs more than a command does.
local now_text = time[1] .. string.sub('00000' .. time[2], -6, -4)
local now = tonumber(now_text)
if now > deadline then
  return { 'expired', now_text }
end
