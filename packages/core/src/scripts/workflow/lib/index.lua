-- Shared: the indexes of a partition. A run is in them from its creation on, or
-- since it was migrated: field 'listed' of the run says under which status.
-- A run of 0.12 has no such field, and is in no index.
--
-- listing   zset, all scores 0, in the order of its members. A run has four,
--           each ending in {createdAt}:{id}: 'a:' for all runs, 's:{status}:',
--           'w:{length}:{workflow}:' and 'b:{status}:{length}:{workflow}:'. The
--           length keeps a name with colons out of another one's range.
-- counts    hash, '{status}:{workflow}' to how many runs
-- idle      zset, runs that are 'running' with no step in flight, or that have
--           the note 'woken' (run.lua), 'suspended' ones too; score: since
-- pending   zset, runs that have not ended with a step 'pending'; score: since
-- leases    zset, '{attempt}:{runId}:{stepName}' of steps in a worker's hands;
--           score: when the lease ends

local function member_tail(id, created)
  return string.format('%013.0f', tonumber(created) or 0) .. ':' .. id
end

local function status_members(status, workflow, tail)
  return 's:' .. status .. ':' .. tail, 'b:' .. status .. ':' .. #workflow .. ':' .. workflow .. ':' .. tail
end

-- A key is not touched again after a write that may have emptied it: in a slot
-- that moves to another node, a key that is gone ends the script half-way.
local function change_count(counts, status, workflow, by)
  local field = status .. ':' .. workflow
  local count = (tonumber(redis.call('HGET', counts, field) or '') or 0) + by
  if count > 0 then
    redis.call('HSET', counts, field, string.format('%.0f', count))
  else
    redis.call('HDEL', counts, field)
  end
end

-- seen: id, workflow, createdAt and, for a run that is in them, 'listed'.
local function list_run(run, listing, counts, seen, status)
  local id, workflow, listed = seen[1], seen[2] or '', seen[4]
  if listed == status then
    return
  end
  local tail = member_tail(id, seen[3])
  local by_status, by_both = status_members(status, workflow, tail)
  redis.call('ZADD', listing, 0, by_status, 0, by_both)
  change_count(counts, status, workflow, 1)
  redis.call('HSET', run, 'listed', status)
  if listed then
    redis.call('ZREM', listing, status_members(listed, workflow, tail))
    change_count(counts, listed, workflow, -1)
  else
    redis.call('ZADD', listing, 0, 'a:' .. tail, 0, 'w:' .. #workflow .. ':' .. workflow .. ':' .. tail)
  end
end

-- Enters a run in an index of the sweeps, with since when, or takes it out.
local function watch_run(index, id, since)
  if since then
    redis.call('ZADD', index, since, id)
  else
    redis.call('ZREM', index, id)
  end
end

-- The note of a run that has ended is nobody's any more.
local IS_ACTIVE = { running = true, suspended = true }
local IN_FLIGHT = { running = true, scheduled = true, suspended = true }
