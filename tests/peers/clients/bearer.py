"""Calls a tool of a server over HTTP with a token, through the Python SDK, 1.x or 2.x, and reads as the SDK does where tokens
are to be had: bearer.py URL TOKEN TOOL. Prints one JSON object."""

import json
import sys

import anyio
import mcp
from mcp.client.auth.utils import extract_resource_metadata_from_www_auth as leads_to
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import ProtectedResourceMetadata

try:  # 2.x
    import httpx2 as httpx
except ImportError:  # 1.x
    import httpx


async def main(url, token, tool):
    async with httpx.AsyncClient(timeout=30) as nobody:
        refused = await nobody.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "ping"},
                                    headers={"accept": "application/json, text/event-stream"})
        document = leads_to(refused)
        metadata = None
        if document:
            answer = await nobody.get(document)
            metadata = ProtectedResourceMetadata.model_validate_json(answer.content).model_dump(mode="json")
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:
        async with streamable_http_client(url, http_client=client) as streams:
            async with mcp.ClientSession(streams[0], streams[1]) as session:
                await session.initialize()
                listed = await session.list_tools()
                result = await session.call_tool(tool, {"n": 1})
    print(json.dumps({
        "status": refused.status_code,
        "metadata": metadata,
        "tools": [tool.name for tool in listed.tools],
        "text": result.content[0].text,
    }))


anyio.run(main, *sys.argv[1:])
