"""Asking the client's user, model or roots, in the way of either era.

Up to 2025-11-25 a server sends a request of its own and waits. From 2026-07-28 on it answers with what it
needs (`input_required`) and the client calls again. A tool says what it asks; `ask` does the rest.
"""

from dataclasses import dataclass
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

Context = ServerRequestContext[Any, Any]


class InputRequired(Exception):
    """Raised to end a handler with an `input_required` result."""

    def __init__(self, result: types.InputRequiredResult) -> None:
        super().__init__("input required")
        self.result = result


@dataclass(frozen=True)
class Question:
    """A request to the client, the type of its answer, and the capability it takes."""

    request: Any
    answer: type
    capability: str


def form(message: str, properties: dict[str, Any], required: list[str] | None = None) -> Question:
    """Asks the user to fill in a form; every field is required unless said otherwise."""
    schema = {"type": "object", "properties": properties}
    schema["required"] = list(properties) if required is None else required
    params = types.ElicitRequestFormParams(message=message, requested_schema=schema)
    return Question(types.ElicitRequest(params=params), types.ElicitResult, "elicitation")


def sample(prompt: str, max_tokens: int = 100) -> Question:
    """Asks the client's model."""
    message = types.SamplingMessage(role="user", content=types.TextContent(text=prompt))
    params = types.CreateMessageRequestParams(messages=[message], max_tokens=max_tokens)
    return Question(types.CreateMessageRequest(params=params), types.CreateMessageResult, "sampling")


def roots() -> Question:
    """Asks for the client's roots."""
    return Question(types.ListRootsRequest(), types.ListRootsResult, "roots")


def modern(ctx: Context) -> bool:
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS


def can(ctx: Context, capability: str) -> bool:
    return getattr(ctx.session.client_capabilities, capability, None) is not None


def demand(ctx: Context, capability: str) -> None:
    """Refuses a request that takes a capability the client has not declared."""
    if can(ctx, capability):
        return
    data = {"requiredCapabilities": {capability: {}}}
    raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, f"Missing client capability: {capability}", data)


async def ask(ctx: Context, params: Any, questions: dict[str, Question], state: str | None = None) -> dict[str, Any]:
    """The answers by name. `state` is what a later round finds in `params.request_state`."""
    for question in questions.values():
        demand(ctx, question.capability)
    if not modern(ctx):
        return {name: await send(ctx, question) for name, question in questions.items()}
    given = params.input_responses or {}
    if all(isinstance(given.get(name), question.answer) for name, question in questions.items()):
        return {name: given[name] for name in questions}
    requests = {name: question.request for name, question in questions.items()}
    raise InputRequired(types.InputRequiredResult(input_requests=requests, request_state=state))


async def send(ctx: Context, question: Question) -> Any:
    # Related to the call, so that over HTTP it goes out on the call's own stream.
    related = ServerMessageMetadata(related_request_id=ctx.request_id)
    return await ctx.session.send_request(question.request, question.answer, metadata=related)


def described(answer: types.ElicitResult) -> str:
    content = types.ElicitResult.model_dump(answer, mode="json")["content"] or {}
    fields = ", ".join(f"{name}={value}" for name, value in content.items())
    return f"action={answer.action}, content={{{fields}}}"
