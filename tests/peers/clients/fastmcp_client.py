"""Drives an MCP server through fastmcp's client: the plans and records of python_sdk.py."""

from contextlib import asynccontextmanager

import mcp_types as types
import python_sdk
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StdioTransport
from python_sdk import ELICITED, SAMPLED, dump


class Adapter:
    """fastmcp's methods under the names of the SDK's, each with the result as it came."""

    def __init__(self, client):
        self.list_tools = client.list_tools_mcp
        self.list_resources = client.list_resources_mcp
        self.list_resource_templates = client.list_resource_templates_mcp
        self.read_resource = client.read_resource_mcp
        self.list_prompts = client.list_prompts_mcp
        self.get_prompt = client.get_prompt_mcp
        self.set_logging_level = client.set_logging_level
        self.complete = client.complete_mcp
        self.client = client

    async def call_tool(self, name, arguments, progress_callback=None):
        return await self.client.call_tool_mcp(name, arguments, progress_handler=progress_callback)

    async def send_ping(self):
        return types.EmptyResult() if await self.client.ping() else None

    async def subscribe_resource(self, uri):
        return await self.client.session.subscribe_resource(uri)


@asynccontextmanager
async def connect(server, mode, unasked):
    async def sample(_messages, params, _context):
        unasked.push("sampling/createMessage", params)
        return types.CreateMessageResult.model_validate(SAMPLED)

    async def elicit(_message, _type, params, _context):
        unasked.push("elicitation/create", params)
        return ElicitResult(**ELICITED)

    async def list_roots(_context):
        unasked.push("roots/list", None)
        return unasked.roots

    options = {"mode": mode} if mode else {}
    client = Client(
        # Without keep_alive=False the server outlives the session, until Python ends.
        StdioTransport(command=server.command, args=server.args, keep_alive=False),
        client_info=types.Implementation(name="driver", version="1.0.0"),
        sampling_handler=sample,
        elicitation_handler=elicit,
        roots=list_roots,
        message_handler=unasked.callbacks()["message_handler"],
        **options,
    )
    async with client:
        hello = {
            "revision": client.protocol_version,
            "server": dump(client.server_info),
            "capabilities": dump(client.server_capabilities),
            "instructions": client.instructions,
        }
        yield Adapter(client), hello


python_sdk.connect = connect
python_sdk.main()
