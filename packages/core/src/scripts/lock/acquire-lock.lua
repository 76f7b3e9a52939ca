-- acquire-lock: takes a lock that nobody holds.
--
-- KEYS[1] lock   holds the owner's token
-- ARGV[1] token  the caller's token, its own for each acquisition
-- ARGV[2] ttlMs  for how long, in ms
--
-- Returns {'ok'}, or {'held', ms that the holder has left}.
--
-- Idempotent: a repeated call of the owner, whose first reply was lost, finds
-- its own token and is the owner, for a full TTL again.

local lock, token, ttl = KEYS[1], ARGV[1], ARGV[2]

if redis.call('SET', lock, token, 'NX', 'PX', ttl) then
  return { 'ok' }
end
if redis.call('GET', lock) == token then
  redis.call('PEXPIRE', lock, ttl)
  return { 'ok' }
end
return { 'held', redis.call('PTTL', lock) }
