// One session of the TypeScript SDK's client: list, schema, call.
//
// Usage: session.mjs MODE TARGET...   where MODE is `http` (TARGET is the URL) or `stdio` (TARGET is the command).
// Prints one line of JSON with what each step answered.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [mode, ...target] = process.argv.slice(2);
const transport =
  mode === "http"
    ? new StreamableHTTPClientTransport(new URL(target[0]))
    : new StdioClientTransport({ command: target[0], args: target.slice(1), stderr: "inherit" });

const client = new Client({ name: "cofferdam-tests", version: "1.0.0" });
await client.connect(transport);
const call = (module) =>
  client.callTool({ name: "call_module_tool", arguments: { module, tool: "whoami", arguments: {} } });

const tools = await client.listTools();
const schema = await client.callTool({ name: "get_module_schema", arguments: { module: "tickets" } });
const good = await call("tickets");
const bad = await call("absent");
await client.close();

console.log(
  JSON.stringify({
    tools: tools.tools.map((tool) => tool.name),
    schema: schema.content[0].text,
    good: good.content[0].text,
    good_is_error: good.isError ?? false,
    bad_code: bad.structuredContent.error.code,
    bad_is_error: bad.isError ?? false,
  }),
);
