"""One session of `fastmcp`'s client, which takes a host's file as it is: list, schema, call.

Usage: fastmcp_session.py FILE   where FILE is what `cofferdam client-config` made.
Prints one line of JSON with what each step answered.
"""

import asyncio
import json
import sys

from fastmcp import Client


async def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        config = json.load(file)
    async with Client(config, timeout=30) as client:

        async def call(name: str, arguments: dict):
            return await client.call_tool(name, arguments, raise_on_error=False)

        tools = await client.list_tools()
        schema = await call("get_module_schema", {"module": "tickets"})
        good = await call("call_module_tool", {"module": "tickets", "tool": "whoami", "arguments": {}})
        bad = await call("call_module_tool", {"module": "absent", "tool": "whoami", "arguments": {}})
    print(
        json.dumps(
            {
                "tools": [tool.name for tool in tools],
                "schema": schema.content[0].text,
                "good": good.content[0].text,
                "good_is_error": bool(good.is_error),
                "bad_code": bad.structured_content["error"]["code"],
                "bad_is_error": bool(bad.is_error),
            }
        )
    )


asyncio.run(main())
