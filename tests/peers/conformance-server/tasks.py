"""The extension `io.modelcontextprotocol/tasks`: calls that outlast their request (from 2026-07-28 on)."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import anyio
import mcp_types as types
from anyio.abc import TaskGroup
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from pydantic import ConfigDict, Field, ValidationError

from asking import Context, Question, modern

EXTENSION = "io.modelcontextprotocol/tasks"
# Milliseconds: how long a task is kept at least, and how often to look at it.
_TTL = 600_000
_POLL = 100

Ask = Callable[[dict[str, Question]], Awaitable[dict[str, Any]]]
"""Asks the client: by way of the call that is going on, or of the task."""

Work = Callable[[Ask], Awaitable[types.CallToolResult]]


class TaskParams(types.RequestParams):
    """What names a task."""

    model_config = ConfigDict(populate_by_name=True)
    task_id: str = Field(alias="taskId")


class TaskUpdateParams(TaskParams):
    """Answers to what a task asked; what it did not ask may be anything, and is ignored."""

    input_responses: dict[str, Any] = Field(alias="inputResponses")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Task:
    """One task. It is `working`, or `input_required`, until it is one of `completed`, `failed`, `cancelled`."""

    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    status: str = "working"
    created: str = field(default_factory=_now)
    updated: str = field(default_factory=_now)
    outcome: dict[str, Any] = field(default_factory=dict)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    asked: dict[str, Question] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    answered: anyio.Event = field(default_factory=anyio.Event)

    def become(self, status: str, **outcome: Any) -> None:
        self.status, self.updated, self.outcome = status, _now(), outcome

    def over(self) -> bool:
        return self.status in ("completed", "failed", "cancelled")

    async def ask(self, questions: dict[str, Question]) -> dict[str, Any]:
        self.asked, self.answers, self.answered = dict(questions), {}, anyio.Event()
        self.become("input_required")
        await self.answered.wait()
        self.become("working")
        return self.answers

    def answer(self, given: dict[str, Any]) -> None:
        try:
            known = {name: self.asked[name].answer.model_validate(given[name]) for name in self.asked.keys() & given}
        except ValidationError as error:
            raise MCPError(types.INVALID_PARAMS, "Not an answer to what was asked") from error
        self.answers |= known
        self.asked = {name: question for name, question in self.asked.items() if name not in known}
        if not self.asked:
            self.answered.set()

    async def carry_out(self, work: Work) -> None:
        with self.scope:
            try:
                result = await work(self.ask)
                self.become("completed", result=_dump(result))
            except MCPError as error:
                self.become("failed", error=_dump(error.error))
        if self.scope.cancelled_caught:
            self.become("cancelled")

    def shown(self) -> dict[str, Any]:
        """The task as the client sees it, without what came of it."""
        return {
            "taskId": self.id,
            "status": self.status,
            "createdAt": self.created,
            "lastUpdatedAt": self.updated,
            "ttlMs": _TTL,
            "pollIntervalMs": _POLL,
        }

    def detailed(self) -> dict[str, Any]:
        asked = {name: _dump(question.request) for name, question in self.asked.items()}
        waiting = {"inputRequests": asked} if self.status == "input_required" else {}
        return {**self.shown(), **waiting, **self.outcome}


def _dump(model: Any) -> dict[str, Any]:
    return model.model_dump(by_alias=True, mode="json", exclude_none=True)


class Tasks:
    """All tasks of a server: they belong to no session."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}

    def register(self, server: Server) -> None:
        server.extensions[EXTENSION] = {}
        server.add_request_handler("tasks/get", TaskParams, self.on_get)
        server.add_request_handler("tasks/update", TaskUpdateParams, self.on_update)
        server.add_request_handler("tasks/cancel", TaskParams, self.on_cancel)

    def start(self, ctx: Context, work: Work) -> dict[str, Any]:
        """The result that stands for a task; the task is there before it is sent."""
        task = Task()
        self._tasks[task.id] = task
        ctx.lifespan_context["background"].start_soon(task.carry_out, work)
        return {"resultType": "task", **task.shown()}

    async def on_get(self, ctx: Context, params: TaskParams) -> dict[str, Any]:
        return self._named(ctx, params).detailed()

    async def on_update(self, ctx: Context, params: TaskUpdateParams) -> dict[str, Any]:
        self._named(ctx, params).answer(params.input_responses)
        await anyio.lowlevel.checkpoint()
        return {}

    async def on_cancel(self, ctx: Context, params: TaskParams) -> dict[str, Any]:
        task = self._named(ctx, params)
        if not task.over():
            task.scope.cancel()
        return {}

    def _named(self, ctx: Context, params: TaskParams) -> Task:
        if not modern(ctx):
            raise MCPError(types.METHOD_NOT_FOUND, "Method not found")
        # The SDK compares the header with the body for the core's own methods only.
        if ctx.request is not None and decode_header_value(ctx.request.headers.get(MCP_NAME_HEADER)) != params.task_id:
            raise MCPError(types.HEADER_MISMATCH, "Mcp-Name does not match the request body's 'taskId' parameter")
        demand_tasks(ctx)
        if params.task_id not in self._tasks:
            raise MCPError(types.INVALID_PARAMS, "Unknown task", {"taskId": params.task_id})
        return self._tasks[params.task_id]


def can_task(ctx: Context) -> bool:
    capabilities = ctx.session.client_capabilities
    return modern(ctx) and capabilities is not None and EXTENSION in (capabilities.extensions or {})


def demand_tasks(ctx: Context) -> None:
    if not can_task(ctx):
        data = {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
        raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, f"Missing client extension: {EXTENSION}", data)


@asynccontextmanager
async def background(_server: Server) -> AsyncIterator[dict[str, TaskGroup]]:
    """The server's lifespan: where tasks go on after their request, and end with the server."""
    async with anyio.create_task_group() as group:
        yield {"background": group}
        group.cancel_scope.cancel()
