-- Shared by scripts that use indexes ordered as text, whose members are
-- {name}\0\0{number}:{id}. A name can hold any character: a NUL in it becomes
-- \0\1, so the first \0\0 of a member is the end of its name, no name's members
-- are among another's, and names that begin alike are side by side.

local function encoded(name)
  return (string.gsub(name, '%z', '\0\1'))
end

local function start_of(name)
  return encoded(name) .. '\0\0'
end

-- Milliseconds as 16 digits, whose order is that of the numbers. A score that is
-- no time, which others may have written, is the first or the last one.
local function stamp_of(score)
  return string.format('%016.0f', math.max(0, math.min(tonumber(score), 999999999999999)))
end
