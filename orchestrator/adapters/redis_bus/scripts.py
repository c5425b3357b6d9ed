"""Which steps of the bus are atomic, and how? One Lua script each.

A job's hash (`<prefix>:missions:job:<digest>`) says who holds it: `state`, `entry` and `stream` where it lies, `epoch`,
`attempt` and the `token` of the newest claim. In each script the first write is one that a full server refuses (XADD,
HSET), so that a server that is out of memory refuses the whole script and not its second half. XREADGROUP and
XAUTOCLAIM only move what is pending: what a script that breaks off has taken is taken over when it has been idle.
"""

from __future__ import annotations

_SHARED = """
-- Whether a job that the hash tells of lies on a stream still: a stream may have been deleted under it.
local function lies(stream, id)
  return stream and id and #redis.call('XRANGE', stream, id, id) > 0
end

local function key_of(read)
  local key = read.idempotency_key
  if type(key) ~= 'string' or key == '' then key = read.job_id end
  return key
end

local function attempts_of(read)
  local n = read.max_retries
  if type(n) ~= 'number' then return ATTEMPTS end
  return math.max(1, math.floor(n))
end

-- An entry that came without our seal: one field whose value is JSON, or the envelope's own words as fields.
local function read_entry(entry)
  local t = {}
  for i = 1, #entry[2], 2 do t[entry[2][i]] = entry[2][i + 1] end
  local text = t.envelope
  if not text and t.job_id and t.payload then
    local ok, payload = pcall(cjson.decode, t.payload)
    if not ok then return nil end
    text = cjson.encode({job_id = t.job_id, idempotency_key = t.idempotency_key, priority = tonumber(t.priority),
      timeout_seconds = tonumber(t.timeout_seconds), max_retries = tonumber(t.max_retries), payload = payload})
  end
  if not text then text = entry[2][2] end
  if not text or #text > LIMIT then return nil end
  local ok, read = pcall(cjson.decode, text)
  if not ok or type(read) ~= 'table' or type(read.job_id) ~= 'string' or read.job_id == '' then return nil end
  return text, key_of(read), attempts_of(read)
end

-- What an entry says: its envelope, its key and how many attempts it has; nil if it is no mission.
local function mission_of(entry)
  local words = entry[2]
  if words[3] == 'seal' and words[1] == 'envelope' and #words[2] <= LIMIT
    and string.sub(words[4], 1, 40) == redis.sha1hex(words[2]) then
    local attempts, key = string.match(words[4], '^(%d+):(.+)$', 41)
    if key then return words[2], key, tonumber(attempts) end
  end
  return read_entry(entry)
end

local function failed(text, key, why)
  local ok, read = pcall(cjson.decode, text)
  return cjson.encode({job_id = ok and read.job_id or key, status = 'FAILED', result = cjson.null, error = why})
end

local function bury(prefix, stream, group, entry, why, by)
  local text, key = mission_of(entry)
  local raw = text or entry[2][2] or ''
  redis.call('XADD', prefix .. 'dlq', '*', 'envelope', string.sub(raw, 1, LIMIT), 'reason', why, 'entry', entry[1])
  if text then
    local failure = redis.call('XADD', prefix .. 'results', '*', 'envelope', failed(text, key, why), 'key', key,
      'worker', by or '', 'epoch', '0')
    local job = prefix .. 'job:' .. redis.sha1hex(key)
    redis.call('HSET', job, 'state', 'dead', 'token', '', 'answered', '1', 'failure', failure)
    redis.call('EXPIRE', job, TTL)
  end
  if group then redis.call('XACK', stream, group, entry[1]) end
end

-- Gives an entry that was just read or claimed to a worker: nil if it is no mission, or one that is elsewhere or over.
local function begin(prefix, stream, group, entry, worker, token, number)
  local text, key, attempts = mission_of(entry)
  if not text then
    bury(prefix, stream, group, entry, 'it is no envelope: JSON with job_id and payload is read')
    return nil
  end
  local digest = redis.sha1hex(key)
  local job = prefix .. 'job:' .. digest
  local told = redis.call('HMGET', job, 'state', 'entry', 'stream', 'epoch', 'attempt')
  local state, attempt = told[1], tonumber(told[5] or 0)
  local elsewhere = told[2] and told[2] ~= entry[1] and lies(told[3], told[2])
  if state == 'done' or state == 'dead' or elsewhere then
    redis.call('XACK', stream, group, entry[1])
    return nil
  end
  if attempt >= attempts then
    bury(prefix, stream, group, entry, 'all ' .. attempt .. ' attempts are spent: whoever had it fell silent')
    return nil
  end
  local epoch = tonumber(told[4] or 0) + 1
  redis.call('HSET', job, 'state', 'running', 'entry', entry[1], 'stream', stream, 'epoch', epoch,
    'attempt', attempt + 1, 'token', token, 'worker', worker)
  if not told[2] then redis.call('EXPIRE', job, TTL) end  -- else whoever put it there has said so
  return {number, entry[1], digest, epoch, attempt + 1, text, key}
end
"""

PUBLISH = """
-- KEYS: stream, job. ARGV: envelope, seal (empty for none), publication, whether the ledger has it
local told = redis.call('HMGET', KEYS[2], 'publication', 'state', 'entry', 'stream')
if told[1] == ARGV[3] then return 1 end
if told[2] == 'done' or told[2] == 'dead' or lies(told[4], told[3]) then return 0 end
local id = ARGV[2] == '' and redis.call('XADD', KEYS[1], '*', 'envelope', ARGV[1])
  or redis.call('XADD', KEYS[1], '*', 'envelope', ARGV[1], 'seal', ARGV[2])
redis.call('HSET', KEYS[2], 'publication', ARGV[3], 'state', 'queued', 'entry', id, 'stream', KEYS[1], 'token', '')
if ARGV[4] == '1' then redis.call('HSET', KEYS[2], 'filed', '1') end
redis.call('EXPIRE', KEYS[2], TTL)
return 1
"""

CLAIM = """
-- KEYS: streams. ARGV: prefix, group, worker, count, token. An empty one is not read: it would take five times as long.
local out = {}
for number, stream in ipairs(KEYS) do
  local got = redis.call('XLEN', stream) > 0
  while got and #out < tonumber(ARGV[4]) do
    got = redis.call('XREADGROUP', 'GROUP', ARGV[2], ARGV[3], 'COUNT', ARGV[4] - #out, 'STREAMS', stream, '>')
    for _, entry in ipairs(got and got[1][2] or {}) do
      out[#out + 1] = begin(ARGV[1], stream, ARGV[2], entry, ARGV[3], ARGV[5] .. entry[1], number)
    end
  end
  if #out >= tonumber(ARGV[4]) then break end
end
return out
"""

TAKE_OVER = """
-- KEYS: stream. ARGV: prefix, group, worker, count, token, idle in ms, cursor, number of the stream
local got = redis.call('XAUTOCLAIM', KEYS[1], ARGV[2], ARGV[3], ARGV[6], ARGV[7], 'COUNT', ARGV[4])
local out = {}
for _, entry in ipairs(got[2]) do
  out[#out + 1] = begin(ARGV[1], KEYS[1], ARGV[2], entry, ARGV[3], ARGV[5] .. entry[1], tonumber(ARGV[8]))
end
return {got[1], out}
"""

RENEW = """
-- KEYS: stream, job. ARGV: group, worker, entry, token
local told = redis.call('HMGET', KEYS[2], 'token', 'state')
if told[1] ~= ARGV[4] or told[2] ~= 'running' then return 0 end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'JUSTID')
redis.call('EXPIRE', KEYS[2], TTL)
return 1
"""

FINISH = """
-- KEYS: stream, job, results. ARGV: group, entry, token, body, worker, epoch, key of the mission
local told = redis.call('HMGET', KEYS[2], 'token', 'state')
if told[1] ~= ARGV[3] then return 0 end
if told[2] == 'done' then return 1 end
if told[2] ~= 'running' then return 0 end
redis.call('XADD', KEYS[3], '*', 'envelope', ARGV[4], 'key', ARGV[7], 'worker', ARGV[5], 'epoch', ARGV[6])
redis.call('HSET', KEYS[2], 'state', 'done', 'answered', '1')
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
return 1
"""

GIVE_UP = """
-- KEYS: stream, job. ARGV: prefix, group, entry, token, ending, reason
local told = redis.call('HMGET', KEYS[2], 'token', 'state', 'attempt', 'ended')
if told[4] == ARGV[4] then return ({dead = 'dead', done = 'carried'})[told[2]] or 'queued' end
if told[1] ~= ARGV[4] or told[2] ~= 'running' then return 'stale' end
local found = redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3])
if #found == 0 then return 'stale' end
local entry, attempt = found[1], tonumber(told[3])
local text, key, attempts = mission_of(entry)
if ARGV[5] == 'final' or (ARGV[5] == 'retry' and attempt >= attempts) then
  bury(ARGV[1], KEYS[1], ARGV[2], entry, ARGV[6])
  redis.call('HSET', KEYS[2], 'ended', ARGV[4])
  return 'dead'
end
if ARGV[5] == 'ledger' then
  redis.call('HSET', KEYS[2], 'state', 'done', 'ended', ARGV[4])
  redis.call('XACK', KEYS[1], ARGV[2], ARGV[3])
  return 'carried'
end
local id = entry[2][3] == 'seal' and redis.call('XADD', KEYS[1], '*', 'envelope', text, 'seal', entry[2][4])
  or redis.call('XADD', KEYS[1], '*', 'envelope', text)
if ARGV[5] == 'release' then attempt = attempt - 1 end
redis.call('HSET', KEYS[2], 'state', 'queued', 'entry', id, 'token', '', 'attempt', attempt, 'ended', ARGV[4])
redis.call('XACK', KEYS[1], ARGV[2], ARGV[3])
return 'queued'
"""

REQUESTS = """
-- KEYS: streams. ARGV: prefix, group, reader, count. First what was read before and is not filed. A round reads a few
-- times so many at most, those included that are no request, and ends at so many bytes. Answers whether it ended early,
-- and what it has.
local out, seen, size, wanted = {}, 0, 0, tonumber(ARGV[4])
local function is_full() return #out >= wanted or seen >= 4 * wanted or size > 16 * LIMIT end
local function take(number, stream, entry)
  local text, key = nil, nil
  if entry[2] and #entry[2] > 0 then
    for _, word in ipairs(entry[2]) do size = size + #word end
    text, key = mission_of(entry)
  end
  local digest = text and redis.sha1hex(key)
  if text and not redis.call('HGET', ARGV[1] .. 'job:' .. digest, 'filed') then
    out[#out + 1] = {number, entry[1], digest, text}
  else
    redis.call('XACK', stream, ARGV[2], entry[1])
  end
end
for _, first in ipairs({'0', '>'}) do
  for number, stream in ipairs(KEYS) do
    local from, entries = first, {true}
    while #entries > 0 and not is_full() do
      local page = math.min(wanted - #out, 10)
      local got = redis.call('XREADGROUP', 'GROUP', ARGV[2], ARGV[3], 'COUNT', page, 'STREAMS', stream, from)
      entries = got and got[1][2] or {}
      for _, entry in ipairs(entries) do
        seen = seen + 1
        take(number, stream, entry)
        if from ~= '>' then from = entry[1] end
      end
    end
  end
end
return {is_full() and 1 or 0, out}
"""

FILED = """
-- KEYS: stream, job. ARGV: prefix, group of the ledger, group of the workers, entry, why it is refused
local state = redis.call('HGET', KEYS[2], 'state')
local found = redis.call('XRANGE', KEYS[1], ARGV[4], ARGV[4])
if ARGV[5] == '' and not state and #found > 0 then  -- a foreign producer's, which no worker has seen yet
  redis.call('HSET', KEYS[2], 'state', 'queued', 'entry', ARGV[4], 'stream', KEYS[1], 'token', '')
end
if ARGV[5] ~= '' then
  if #found > 0 and not redis.call('HGET', KEYS[2], 'answered') then  -- also what a worker left to the ledger
    bury(ARGV[1], KEYS[1], ARGV[3], found[1], ARGV[5], LEDGER)
  end
end
redis.call('HSET', KEYS[2], 'filed', '1')
redis.call('EXPIRE', KEYS[2], TTL)
redis.call('XACK', KEYS[1], ARGV[2], ARGV[4])
"""

RESULTS = """
-- KEYS: results. ARGV: group, reader, count, from where. Too long a word is empty, too long a page ends.
local out, size, from, entries = {}, 0, ARGV[4], nil
repeat
  local left = math.min(tonumber(ARGV[3]) - #out, 10)
  local got = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', left, 'STREAMS', KEYS[1], from)
  entries = got and got[1][2] or {}
  for _, entry in ipairs(entries) do
    local words = entry[2] or {}  -- none where it was deleted
    for i, word in ipairs(words) do
      if #word > 2 * LIMIT then words[i] = '' end
      size = size + #words[i]
    end
    out[#out + 1] = {entry[1], words}
    if from ~= '>' then from = entry[1] end
  end
until #entries == 0 or #out >= tonumber(ARGV[3]) or size > 16 * LIMIT
return out
"""

SETTLE = """
-- KEYS: results. ARGV: prefix, group, then of each: entry, key (empty for what is no mission's), whether it is reopened
-- A result that was taken back since it was read (its mission was put back) says nothing of a mission that lives again.
for i = 3, #ARGV, 3 do
  if ARGV[i + 1] ~= '' then
    local job = ARGV[1] .. 'job:' .. redis.sha1hex(ARGV[i + 1])
    local state, taken_back = unpack(redis.call('HMGET', job, 'state', 'taken_back'))
    if ARGV[i + 2] == '1' then
      if state == 'done' or state == 'dead' then
        redis.call('HSET', job, 'token', '')
        redis.call('HDEL', job, 'state', 'entry', 'stream', 'attempt', 'answered', 'ended', 'failure')
      end
    elseif state ~= 'dead' and taken_back ~= ARGV[i] then
      redis.call('HSET', job, 'state', 'done', 'answered', '1')
    end
    redis.call('EXPIRE', job, TTL)
  end
  redis.call('XACK', KEYS[1], ARGV[2], ARGV[i])
end
"""

ANSWER = """
-- KEYS: results. ARGV: prefix, key, body. The ledger's word is there once; what it read off the bus itself is there.
local job = ARGV[1] .. 'job:' .. redis.sha1hex(ARGV[2])
if redis.call('HGET', job, 'answered') then return 0 end
redis.call('XADD', KEYS[1], '*', 'envelope', ARGV[3], 'key', ARGV[2], 'worker', LEDGER, 'epoch', '0')
redis.call('HSET', job, 'answered', '1', 'state', 'done')
redis.call('EXPIRE', job, TTL)
return 1
"""

TRIM = """
-- KEYS: streams, results last. ARGV: ms for which results stay. Up to what some group has not read, or somebody holds.
local function below(a, b)
  local am, as = string.match(a, '(%d+)-(%d+)')
  local bm, bs = string.match(b, '(%d+)-(%d+)')
  if tonumber(am) ~= tonumber(bm) then return tonumber(am) < tonumber(bm) end
  return tonumber(as) < tonumber(bs)
end
local dropped = 0
local now = redis.call('TIME')
local since = string.format('%.0f-0', math.max(0, tonumber(now[1]) * 1000 - tonumber(ARGV[1])))
for number, stream in ipairs(KEYS) do
  local keep = nil
  if redis.call('EXISTS', stream) == 1 then
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
      local t = {}
      for i = 1, #group, 2 do t[group[i]] = group[i + 1] end
      local pending = redis.call('XPENDING', stream, t.name)
      local here = pending[1] > 0 and pending[2] or t['last-delivered-id']
      if not keep or below(here, keep) then keep = here end
    end
  end
  if keep and number == #KEYS and below(since, keep) then keep = since end
  if keep then dropped = dropped + redis.call('XTRIM', stream, 'MINID', '=', keep) end
end
return dropped
"""


def _needed(body: str) -> str:
    """The shared functions up to the last one that a script calls: making them takes a server as long as a command."""
    functions = _SHARED.split("\n\n")
    names = [text.partition("local function ")[2].partition("(")[0] for text in functions]
    last = max((number for number, name in enumerate(names) if f"{name}(" in body), default=-1)
    return "\n\n".join(functions[: last + 1]) + "\n"


def compile_script(body: str, *, ttl_seconds: int, attempts: int, limit: int, ledger: str) -> str:
    """A script as the server takes it, with its constants."""
    head = f"local TTL, ATTEMPTS, LIMIT, LEDGER = {ttl_seconds:d}, {attempts:d}, {limit:d}, '{ledger}'\n"
    return head + _needed(body) + body
