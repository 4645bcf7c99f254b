"""Uses all that a server of the conformance suite offers, through the Python SDK, 1.x or 2.x, over Streamable HTTP.

The suite starts it with the URL of its server, and says in the environment which revision to speak and, for some
scenarios, with which arguments to call which tool. The user, the model and the roots answer as little as they may.
"""

import json
import os
import sys
from contextlib import asynccontextmanager

import anyio
import mcp

try:  # 2.x
    import mcp_types as types
    from mcp import Client
except ImportError:  # 1.x
    from mcp import types
    from mcp.client.streamable_http import streamablehttp_client

    Client = None

LIMIT_SECONDS = 25
REVISION = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION")
CALLS = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}").get("toolCalls")

# Given another tool's schema, it tells the suite what the SDK made of that.
ECHO = "json_schema_echo"
SAMPLED = {"role": "assistant", "content": {"type": "text", "text": "a made-up completion"}, "model": "made-up"}


async def sample(_context, _params):
    return types.CreateMessageResult.model_validate(SAMPLED)


async def elicit(_context, params):
    """Accepts the form as it stands: the SDK leaves the defaults to its user."""
    schema = params.requested_schema if hasattr(params, "requested_schema") else params.requestedSchema
    content = {name: field.get("default", made_up(field)) for name, field in schema["properties"].items()}
    return types.ElicitResult(action="accept", content=content)


async def list_roots(_context):
    return types.ListRootsResult.model_validate({"roots": []})


@asynccontextmanager
async def connect(url):
    answering = {"sampling_callback": sample, "elicitation_callback": elicit, "list_roots_callback": list_roots}
    info = types.Implementation(name="driver", version="1.0.0")
    if Client:
        mode = REVISION if REVISION and REVISION >= "2026" else "legacy"
        async with Client(url, client_info=info, mode=mode, **answering) as client:
            yield client
    else:
        async with streamablehttp_client(url) as (read, write, _):
            async with mcp.ClientSession(read, write, client_info=info, **answering) as session:
                await session.initialize()
                yield session


def made_up(schema):
    """A value of the schema's type."""
    values = {"number": 1, "integer": 1, "boolean": True, "array": [], "object": {}, "null": None}
    return values.get(schema.get("type"), "text")


def calls(tools):
    """What to call with what: as the suite says, or each tool with its required arguments."""
    if CALLS:
        return [(call["name"], call["arguments"]) for call in CALLS]
    schemas = {tool.name: tool.input_schema if hasattr(tool, "input_schema") else tool.inputSchema for tool in tools}
    if ECHO in schemas:
        return [(ECHO, {"schema": schema}) for name, schema in schemas.items() if name != ECHO]
    return [
        (name, {each: made_up(schema.get("properties", {}).get(each, {})) for each in schema.get("required", [])})
        for name, schema in schemas.items()
    ]


async def attempt(what, call, *arguments):
    """What a step gives; a failure is said, and does not end the session."""
    try:
        return await call(*arguments)
    except Exception as error:
        print(f"{what}: {type(error).__name__}: {error}", file=sys.stderr)
        return None


async def main(url):
    with anyio.fail_after(LIMIT_SECONDS):
        async with connect(url) as client:
            if listed := await attempt("tools/list", client.list_tools):
                for name, given in calls(listed.tools):
                    await attempt(f"tools/call {name}", client.call_tool, name, given)
            if listed := await attempt("resources/list", client.list_resources):
                for resource in listed.resources:
                    await attempt("resources/read", client.read_resource, resource.uri)
            if listed := await attempt("prompts/list", client.list_prompts):
                for prompt in listed.prompts:
                    await attempt("prompts/get", client.get_prompt, prompt.name)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
