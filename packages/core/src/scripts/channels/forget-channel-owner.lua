-- forget-channel-owner: the end of an owner that was given up.
--
-- KEYS[1] owners  the owners; the score 0 says that one was given up
-- KEYS[2] owned   which owner has which channels
-- ARGV[1] owner
-- ARGV[2] from    where its channels begin, by text
-- ARGV[3] to      where they end
--
-- Returns {'ok'}, or {'kept'}: some of its channels are still there.
--
-- Idempotent: what is gone stays gone.

if redis.call('ZLEXCOUNT', KEYS[2], ARGV[2], ARGV[3]) > 0 then
  return { 'kept' }
end
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 1) == 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return { 'ok' }
