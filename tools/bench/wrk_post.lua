-- For wrk: post ready-made requests in turn, from a file in which each ends with a zero byte.
local requests, last = {}, 0
function init(args)
  local file = io.open(args[1], "rb")
  for request in file:read("*a"):gmatch("(.-)%z") do requests[#requests + 1] = request end
  file:close()
end
function request()
  last = last % #requests + 1
  return requests[last]
end
