-- propagate: sends something to the replicas, and changes nothing.
--
-- KEYS[1] scratch  a key that is there for the time of this script only
--
-- Since Redis 7.2 WAIT counts from the last write of its own connection. A
-- repetition that finds everything done writes nothing: on a new connection it
-- would be confirmed at once, whatever the replicas have of the first try.

if redis.call('EXISTS', KEYS[1]) == 0 then
  -- After a first write the script gets what memory it needs, at maxmemory too.
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[1], '')
  redis.call('DEL', KEYS[1])
end
