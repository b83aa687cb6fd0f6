// One session of the TypeScript SDK's client from a host's file alone: list, schema, call.
//
// Usage: session.mjs FILE   where FILE is what `cofferdam client-config` made.
// Prints one line of JSON with what each step answered.

import { readFileSync } from "node:fs";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const { type, url, command, args } = JSON.parse(readFileSync(process.argv[2], "utf8")).servers.cofferdam;
const transport =
  type === "http"
    ? new StreamableHTTPClientTransport(new URL(url))
    : new StdioClientTransport({ command, args, stderr: "inherit" });

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
