-- wrk's script: posts one call of a tool over MCP again and again, and looks at every answer.
--
--     wrk … -s post.lua http://127.0.0.1:7080/mcp -- BODY PROOF
--
-- Every correct response contains PROOF, and no other does. At the end it prints one line of JSON.

local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   wrk.method = "POST"
   wrk.headers["content-type"] = "application/json"
   wrk.headers["accept"] = "application/json, text/event-stream"
   wrk.headers["mcp-protocol-version"] = "2025-11-25"
   wrk.body = args[1]
   proof = args[2]
   wrong, example = 0, ""
end

function response(status, headers, body)
   if status ~= 200 or not string.find(body, proof, 1, true) then
      wrong = wrong + 1
      example = string.sub(body, 1, 300)
   end
end

function done(summary, latency, requests)
   local wrong = 0
   for _, thread in ipairs(threads) do
      wrong = wrong + thread:get("wrong")
      if thread:get("example") ~= "" then
         io.stderr:write(thread:get("example"), "\n")
      end
   end
   local errors = summary.errors
   print(string.format(
      '{"calls":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f,"wrong":%d,"errors":%d}',
      summary.requests, summary.duration / 1e6,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
      wrong, errors.connect + errors.read + errors.write + errors.timeout
   ))
end
