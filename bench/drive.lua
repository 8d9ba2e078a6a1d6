-- Has wrk send the requests of a file, each of them a whole HTTP request and all
-- of the same length, and prints in one line what came of it.
--
-- arguments: FILE LENGTH SECONDS once|again
--   once    each request is sent once; the file has to be long enough
--   again   from the beginning when the file is at its end
--
-- wrk hangs up on what is unanswered when its time is over. Nothing new is sent
-- after SECONDS, and wrk's own duration is longer: so every request is answered,
-- and answers can be compared with what is stored.

local ffi = require "ffi"
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } instant;
  int clock_gettime(int clock, instant *now);
]]
local monotonic = ffi.os == "OSX" and 6 or 1
local instant = ffi.new("instant")

local function now()
  ffi.C.clock_gettime(monotonic, instant)
  return tonumber(instant.seconds) + tonumber(instant.nanoseconds) / 1e9
end

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

local file, length, duration, again, deadline
local whole, at = {}, 0

sent, missing = 0, 0

local function following()
  if not again then
    return file:read(length)
  end
  at = at % #whole + 1
  return whole[at]
end

local first

function init(arguments)
  file = assert(io.open(arguments[1], "rb"))
  length = tonumber(arguments[2])
  duration = tonumber(arguments[3])
  again = arguments[4] == "again"
  if again then
    for request in function() return file:read(length) end do
      whole[#whole + 1] = request
    end
  end
  first = following()
end

function request()
  -- wrk asks for one request in advance, to check it, and does not send it.
  if not deadline then
    if not checked then
      checked = true
      return first
    end
    deadline = now() + duration
  elseif now() > deadline then
    -- Nothing to send: the connection waits for an answer that does not come.
    return ""
  end
  local request = first or following()
  first = nil
  if not request then
    missing = missing + 1
    return ""
  end
  sent = sent + 1
  return request
end

function done(summary, latency)
  local sent, missing = 0, 0
  for _, thread in ipairs(threads) do
    sent = sent + thread:get("sent")
    missing = missing + thread:get("missing")
  end
  local errors = summary.errors
  print(string.format(
    "measured sent=%d missing=%d answers=%d refusals=%d broken=%d p50=%d p90=%d p99=%d",
    sent, missing, summary.requests, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99)))
end
