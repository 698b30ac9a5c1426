"""What the rules keep, once more in Lua: inside Redis, reading, deciding and writing are one step that nobody comes between.

Belongs here: from a rule to the script that lets a call through or not, by the arithmetic of rules.py, and with the same
operations in the same order, so that both find the same. Does not belong here: what a decision tells (rules.py, of what the
script answers), connections (stores.py).

Each script answers what was kept before and the moment (seconds, microseconds). A refusal writes nothing, but for a clock
that was set back.
"""

from __future__ import annotations

from nexus.limits.rules import Rule, SlidingWindow, TokenBucket

_BEGINNING = """
local raw = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local cost, forget = tonumber(ARGV[1]), ARGV[2]
local first, second, third
if raw then
  first, second, third = string.match(raw, '^%[(.-),(.-),(.-)%]$')
  first, second, third = tonumber(first), tonumber(second), tonumber(third)
end
local function keep(...)
  redis.call('SET', KEYS[1], string.format('[%.17g,%.17g,%.17g]', ...), 'PX', forget)
end
"""
_ENDING = """
return {raw, time[1], time[2]}
"""
_BUCKET = """
local size, refill = tonumber(ARGV[3]), tonumber(ARGV[4]) / tonumber(ARGV[5])
local tokens = size
if raw then
  tokens = math.min(size, first + math.max(0, now - third) * refill)
end
if tokens + 1e-6 >= cost then
  keep(math.max(0, tokens - cost), 0, now)
elseif raw and now < third then
  keep(tokens, 0, now)
end
"""
_WINDOW = """
local limit, period = tonumber(ARGV[3]), tonumber(ARGV[4])
local window = math.floor(now / period)
local before, present = 0, 0
if raw then
  local passed = window - third
  if passed <= 0 then
    before, present, window = first, second, third
  elseif passed == 1 then
    before = second
  end
end
local elapsed = math.min(1, math.max(0, now / period - window))
if before * (1 - elapsed) + present + cost <= limit + 1e-6 then
  keep(before, present + cost, window)
end
"""
BUCKET, WINDOW = (_BEGINNING + middle + _ENDING for middle in (_BUCKET, _WINDOW))


def script(rule: Rule) -> tuple[str, tuple[float, ...]]:
    """The script of `rule`, and what it wants to know of it after the cost and the milliseconds to forget after."""
    if isinstance(rule, TokenBucket):
        return BUCKET, (rule.size, rule.rate, rule.period)
    if isinstance(rule, SlidingWindow):
        return WINDOW, (rule.limit, rule.period)
    raise TypeError(f"no script counts by {type(rule).__name__}")
