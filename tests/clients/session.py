"""One session of the Python `mcp` client from a host's file alone: list, schema, call.

Usage: session.py FILE   where FILE is what `cofferdam client-config` made.
Prints one line of JSON with what each step answered.
"""

import asyncio
import json
import sys

from mcp import Client, StdioServerParameters


async def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        entry = json.load(file)["mcpServers"]["cofferdam"]
    server = entry.get("url") or StdioServerParameters(command=entry["command"], args=entry["args"])
    async with Client(server, mode="auto", read_timeout_seconds=30) as client:
        tools = await client.list_tools()
        schema = await client.call_tool("get_module_schema", {"module": "tickets"})
        good = await client.call_tool(
            "call_module_tool", {"module": "tickets", "tool": "whoami", "arguments": {}}
        )
        bad = await client.call_tool(
            "call_module_tool", {"module": "absent", "tool": "whoami", "arguments": {}}
        )
    print(
        json.dumps(
            {
                "tools": [tool.name for tool in tools.tools],
                "schema": schema.content[0].text,
                "good": good.content[0].text,
                "good_is_error": bool(good.is_error),
                "bad_code": bad.structured_content["error"]["code"],
                "bad_is_error": bool(bad.is_error),
            }
        )
    )


asyncio.run(main())
