-- Shared by scripts that look for a message. The score of a message is its
-- createdAt. Messages of one millisecond are ordered as texts: each begins with
-- its number in its thread, made of the four characters that JSON allows in
-- front of a value and that have this order.

local WIDTH = 12
local DIGITS = { [0] = '\t', '\n', '\r', ' ' }
local VALUES = { ['\t'] = 0, ['\n'] = 1, ['\r'] = 2, [' '] = 3 }

local function prefix_of(number)
  local text = ''
  for _ = 1, WIDTH do
    text = DIGITS[number % 4] .. text
    number = math.floor(number / 4)
  end
  return text
end

-- What others wrote has no number, begins with '{' and comes last.
local function number_of(member)
  local number = 0
  for i = 1, WIDTH do
    local value = VALUES[string.sub(member, i, i)]
    if not value then
      return math.huge
    end
    number = number * 4 + value
  end
  return number
end

-- The message of that score and number, and its place in its thread.
local function message_at(messages, score, number)
  local first = redis.call('ZCOUNT', messages, '-inf', '(' .. score)
  local last = first + redis.call('ZCOUNT', messages, score, score) - 1
  while first <= last do
    local middle = math.floor((first + last) / 2)
    local member = redis.call('ZRANGE', messages, middle, middle)[1]
    local found = number_of(member)
    if found == number then
      return member, middle
    elseif found < number then
      first = middle + 1
    else
      last = middle - 1
    end
  end
end

-- Where a message is known to be: its score and its number.
local function known_place(ids, id)
  local place = redis.call('HGET', ids, id)
  if not place then
    return
  end
  local colon = string.find(place, ':', 1, true)
  return string.sub(place, 1, colon - 1), tonumber(string.sub(place, colon + 1))
end
