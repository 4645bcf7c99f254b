"""Tools that make tasks, and one beside them that does not."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import mcp_types as types
from mcp.shared.exceptions import MCPError

from asking import Context, ask, form
from tasks import Ask, can_task, demand_tasks
from tools import Content, Params, ToolError, Tools, failed, tool

Job = Callable[[Ask], Awaitable[str]]

_FAILS_AFTER = 0.2


async def _carry_out(tools: Tools, ctx: Context, params: Params, job: Job) -> Content | dict[str, Any]:
    """As a task where the client knows of tasks, and otherwise at once."""
    if not can_task(ctx):
        return [types.TextContent(text=await job(functools.partial(ask, ctx, params)))]

    async def work(asking: Ask) -> types.CallToolResult:
        try:
            return types.CallToolResult(content=[types.TextContent(text=await job(asking))])
        except ToolError as error:
            return failed(error)

    return tools.tasks.start(ctx, work)


@tool("greet", "Greets.", name={"type": "string"})
async def _greet(_tools: Tools, _ctx: Context, params: Params) -> Content:
    return [types.TextContent(text=f"Hello, {params.arguments['name']}!")]


@tool("slow_compute", "Takes some seconds.", seconds={"type": "number", "minimum": 0}, label={"type": "string"})
async def _slow(tools: Tools, ctx: Context, params: Params) -> Content | dict[str, Any]:
    async def job(_ask: Ask) -> str:
        await anyio.sleep(params.arguments["seconds"])
        return f"Computed {params.arguments['label']}."

    return await _carry_out(tools, ctx, params, job)


@tool("failing_job", "Is a task, and fails.")
async def _failing(tools: Tools, ctx: Context, params: Params) -> Content | dict[str, Any]:
    demand_tasks(ctx)

    async def job(_ask: Ask) -> str:
        await anyio.sleep(_FAILS_AFTER)
        raise ToolError("This job fails.")

    return await _carry_out(tools, ctx, params, job)


@tool("protocol_error_job", "Ends with an error of the protocol.")
async def _protocol_error(tools: Tools, ctx: Context, params: Params) -> Content | dict[str, Any]:
    async def job(_ask: Ask) -> str:
        raise MCPError(types.INTERNAL_ERROR, "This job breaks.")

    return await _carry_out(tools, ctx, params, job)


@tool("confirm_delete", "Asks before it deletes; deletes nothing.", filename={"type": "string"})
async def _confirm(tools: Tools, ctx: Context, params: Params) -> Content | dict[str, Any]:
    async def job(asking: Ask) -> str:
        filename = params.arguments["filename"]
        answers = await asking({"confirm": form(f"Delete {filename}?", {"confirm": {"type": "boolean"}})})
        deleted = (answers["confirm"].content or {}).get("confirm")
        return f"Deleted {filename}." if deleted else f"Kept {filename}."

    return await _carry_out(tools, ctx, params, job)


@tool("multi_input", "Asks two things at once.")
async def _multiple(tools: Tools, ctx: Context, params: Params) -> Content | dict[str, Any]:
    async def job(asking: Ask) -> str:
        answers = await asking(
            {
                "name": form("What is your name?", {"name": {"type": "string"}}),
                "confirm": form("Shall we go on?", {"confirm": {"type": "boolean"}}),
            }
        )
        return ", ".join(f"{name}: {answer.action}" for name, answer in sorted(answers.items()))

    return await _carry_out(tools, ctx, params, job)


@tool("test_tool_with_task", "Asks the user, then is a task.")
async def _asks_first(tools: Tools, ctx: Context, params: Params) -> Content | dict[str, Any]:
    demand_tasks(ctx)
    answers = await ask(ctx, params, {"user_name": form("What is your name?", {"name": {"type": "string"}})})
    name = (answers["user_name"].content or {}).get("name")

    async def job(_ask: Ask) -> str:
        return f"Hello, {name}, from a task!"

    return await _carry_out(tools, ctx, params, job)
