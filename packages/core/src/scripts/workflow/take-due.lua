-- take-due: the members of a sweep's index that are due, longest due first.
--
-- KEYS[1] index    sorted set; a member's score is since when, or until when
-- ARGV[1] ageMs    a member is due if its score is older than that, in ms
-- ARGV[2] limit    how many to give at most
-- ARGV[3] postpone  '1' to give them a new score, this moment
--
-- Returns the members.
--
-- A member that stays due however often it is looked at would keep the others
-- from ever being looked at: so it goes to the end of the line.
--
-- Idempotent: whoever takes a member may die with it, or not get the reply. It
-- is due again when as much time has passed again; nothing else is changed.

local index, before = KEYS[1], string.format('%.0f', now - tonumber(ARGV[1]))
local due = redis.call('ZRANGEBYSCORE', index, '-inf', '(' .. before, 'LIMIT', 0, ARGV[2])
if ARGV[3] == '1' then
  for _, member in ipairs(due) do
    redis.call('ZADD', index, string.format('%.0f', now), member)
  end
end
return due
