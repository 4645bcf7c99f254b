"""Drives an MCP server through the Python SDK, 1.x or 2.x, as its users would: see ../README.md.

--mode (2.x only): auto (the SDK's default: server/discover first), legacy (initialize) or a revision to insist on.
"""

import argparse
import json
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import mcp
from mcp.client.stdio import StdioServerParameters, stdio_client
from plan_text import blank, expand, prefixed

try:  # 2.x
    import mcp_types as types
    from mcp import Client, MCPError
except ImportError:  # 1.x
    from mcp import McpError as MCPError
    from mcp import types

    Client = None

LIMIT_SECONDS = 60

# What the made-up user behind the client answers.
SAMPLED = {
    "role": "assistant",
    "content": {"type": "text", "text": "a made-up completion"},
    "model": "made-up",
    "stopReason": "endTurn",
}
ELICITED = {"action": "accept", "content": {"name": "Ada", "check": True, "integer": 7}}


def dump(value):
    """A result as the SDK hands it over: only what arrived, under the names of the wire."""
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True) if value is not None else None


class Unasked:
    """What the server tells or asks of its own accord, by method: the order between methods is a matter of timing."""

    def __init__(self, roots):
        self.by_method = {}
        self.roots = roots

    def push(self, method, params):
        self.by_method.setdefault(method, []).append(dump(params))

    def callbacks(self):
        async def sample(_context, params):
            self.push("sampling/createMessage", params)
            return types.CreateMessageResult.model_validate(SAMPLED)

        async def elicit(_context, params):
            self.push("elicitation/create", params)
            return types.ElicitResult.model_validate(ELICITED)

        async def list_roots(_context):
            self.push("roots/list", None)
            return types.ListRootsResult.model_validate({"roots": self.roots})

        async def message(message):
            message = getattr(message, "root", message)
            method = getattr(message, "method", None)
            # Progress has its own callback, and requests are recorded above.
            if method and method.startswith("notifications/") and method != "notifications/progress":
                self.push(method, message.params)

        return {
            "sampling_callback": sample,
            "elicitation_callback": elicit,
            "list_roots_callback": list_roots,
            "message_handler": message,
        }


@asynccontextmanager
async def connect(server, mode, unasked):
    """Yields the client and what it learnt when it connected."""
    info = types.Implementation(name="driver", version="1.0.0")
    if Client:
        options = {"mode": mode} if mode else {}
        async with Client(server, client_info=info, **options, **unasked.callbacks()) as client:
            yield client, {
                "revision": client.protocol_version,
                "server": dump(client.server_info),
                "capabilities": dump(client.server_capabilities),
                "instructions": client.instructions,
            }
    else:
        async with stdio_client(server) as (read, write):
            async with mcp.ClientSession(read, write, client_info=info, **unasked.callbacks()) as session:
                yield session, dump(await session.initialize())


class Steps:
    """The steps of a plan, by name."""

    def __init__(self, client):
        self.client = client

    async def tools(self, _step):
        return await self.client.list_tools()

    async def call(self, step):
        note = None
        if "progress" in step:

            async def note(progress, total, message):
                # The TypeScript SDKs may lose the last one: leave it out here too.
                if progress < total:
                    step["progress"].append({"progress": progress, "total": total, "message": message})

        return await self.client.call_tool(step["tool"], step["arguments"], progress_callback=note)

    async def cancel(self, step):
        """Starts a call and takes it back when its first progress arrives."""
        with anyio.CancelScope() as scope:

            async def note(_progress, _total, _message):
                scope.cancel()

            request_id = getattr(self.client, "_request_id", None)
            result = await self.client.call_tool(step["tool"], step["arguments"], progress_callback=note)
        if not scope.cancelled_caught:
            return result
        if request_id is not None:  # 1.x does not tell the server by itself
            params = types.CancelledNotificationParams(requestId=request_id, reason="the user changed their mind")
            cancelled = types.CancelledNotification(method="notifications/cancelled", params=params)
            await self.client.send_notification(types.ClientNotification(cancelled))
        raise TimeoutError("cancelled")

    async def ping(self, _step):
        return await self.client.send_ping()

    async def set_level(self, step):
        return await self.client.set_logging_level(step["level"])

    async def resources(self, _step):
        return await self.client.list_resources()

    async def templates(self, _step):
        return await self.client.list_resource_templates()

    async def read(self, step):
        return await self.client.read_resource(step["uri"])

    async def subscribe(self, step):
        return await self.client.subscribe_resource(step["uri"])

    async def prompts(self, _step):
        return await self.client.list_prompts()

    async def prompt(self, step):
        return await self.client.get_prompt(step["name"], step.get("arguments"))

    async def complete(self, step):
        ref = types.PromptReference.model_validate(step["ref"])
        return await self.client.complete(ref, step["argument"])


def failure(error):
    """An error as the SDK raises it."""
    if isinstance(error, MCPError):
        return {"name": type(error).__name__, **dump(error.error)}
    return {"name": type(error).__name__, "message": str(error)}


def innermost(error):
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def drive(options, plan, record):
    unasked = Unasked(plan.get("roots", []))
    server = StdioServerParameters(command=options.command[0], args=options.command[1:])
    try:
        with anyio.fail_after(LIMIT_SECONDS):
            async with connect(server, options.mode, unasked) as (client, hello):
                record.append({"step": "connect", "result": hello})
                steps = Steps(client)
                for step in plan["steps"]:
                    record.append(await perform(steps, step))
    except* Exception as group:
        # 1.x breaks when a message arrives while it closes, which is a matter of timing.
        if len(record) <= len(plan["steps"]):
            record.append({"step": "connection", "error": failure(innermost(group))})
    record.append({"step": "unasked", "result": dict(sorted(unasked.by_method.items()))})


async def perform(steps, step):
    title = " ".join(filter(None, [step["do"], step.get("tool") or step.get("uri") or step.get("name")]))
    entry = {"step": title}
    if step.get("progress"):
        step["progress"] = entry["progress"] = []
    try:
        entry["result"] = dump(await getattr(steps, step["do"])(step))
    except Exception as error:
        entry["error"] = failure(error)
    return blank(entry, step["redact"]) if "redact" in step else entry


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plan", required=True)
    parser.add_argument("--dir", default="")
    parser.add_argument("--mode")
    parser.add_argument("--prefix", default="")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    text = (Path(__file__).parent / "plans" / f"{options.plan}.json").read_text(encoding="utf-8")
    plan = prefixed(expand(json.loads(text), options.dir), options.prefix)
    record = []
    anyio.run(drive, options, plan, record)
    json.dump(record, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
