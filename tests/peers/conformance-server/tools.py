"""Tools: one for each thing a server can do with a call."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import mcp_types as types
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    PromptsListChanged,
    ResourceUpdated,
    ServerEvent,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError

import resources
import samples
from asking import Context, InputRequired, ask, can, demand, described, form, modern, roots, sample
from sessions import Sessions
from tasks import Tasks

Params = types.CallToolRequestParams
Content = list[types.ContentBlock]
Handler = Callable[["Tools", Context, Params], Awaitable[Content | dict[str, Any]]]
"""What a tool does. A dictionary is a result of its own kind: a task."""

# What is worth waiting for between two notifications, in seconds.
_PAUSE = 0.05

_HANDLERS: dict[str, tuple[types.Tool, Handler]] = {}


def tool(
    name: str, description: str, /, schema: dict[str, Any] | None = None, **properties: Any
) -> Callable[[Handler], Handler]:
    """Registers a tool; its properties are all required."""
    if schema is None:
        schema = {"type": "object", "properties": properties, "required": list(properties)}

    def register(handler: Handler) -> Handler:
        _HANDLERS[name] = (types.Tool(name=name, description=description, input_schema=schema), handler)
        return handler

    return register


def schema_of(name: str) -> dict[str, Any] | None:
    return _HANDLERS[name][0].input_schema if name in _HANDLERS else None


def _text(text: str) -> types.TextContent:
    return types.TextContent(text=text)


class ToolError(Exception):
    """What becomes a result with `isError`."""


def failed(error: ToolError) -> types.CallToolResult:
    return types.CallToolResult(content=[_text(str(error))], is_error=True)


class Tools:
    """The tools of one server, with what they share."""

    def __init__(self, bus: InMemorySubscriptionBus, sessions: Sessions, tasks: Tasks) -> None:
        self.bus = bus
        self.sessions = sessions
        self.tasks = tasks

    async def on_list(self, _ctx: Context, _params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[each for each, _ in _HANDLERS.values()])

    async def on_call(
        self, ctx: Context, params: Params
    ) -> types.CallToolResult | types.InputRequiredResult | dict[str, Any]:
        if params.name not in _HANDLERS:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        listed, handler = _HANDLERS[params.name]
        given = params.arguments or {}
        missing = [each for each in listed.input_schema.get("required", []) if each not in given]
        if missing:
            raise MCPError(types.INVALID_PARAMS, f"Missing arguments: {', '.join(missing)}")
        try:
            made = await handler(self, ctx, params)
            return made if isinstance(made, dict) else types.CallToolResult(content=made)
        except InputRequired as needed:
            return needed.result
        except ToolError as error:
            return failed(error)

    async def changed(self, ctx: Context, event: ServerEvent) -> None:
        """Tells those who listen, and in the older era the caller's session."""
        await self.bus.publish(event)
        if modern(ctx):
            return
        match event:
            case ToolsListChanged():
                await ctx.session.send_tool_list_changed()
            case PromptsListChanged():
                await ctx.session.send_prompt_list_changed()
            case ResourceUpdated(uri=uri) if self.sessions.subscribed(ctx, uri):
                await ctx.session.send_resource_updated(uri)


@tool("test_simple_text", "Returns a text.")
async def _simple_text(_tools: Tools, _ctx: Context, _params: Params) -> Content:
    return [_text("This is a simple text response for testing.")]


@tool("test_image_content", "Returns an image.")
async def _image(_tools: Tools, _ctx: Context, _params: Params) -> Content:
    return [types.ImageContent(data=samples.PNG, mime_type="image/png")]


@tool("test_audio_content", "Returns a sound.")
async def _audio(_tools: Tools, _ctx: Context, _params: Params) -> Content:
    return [types.AudioContent(data=samples.WAV, mime_type="audio/wav")]


@tool("test_embedded_resource", "Returns a resource.")
async def _embedded(_tools: Tools, _ctx: Context, _params: Params) -> Content:
    embedded = types.TextResourceContents(
        uri="test://embedded-resource", mime_type="text/plain", text="This is an embedded resource content."
    )
    return [types.EmbeddedResource(resource=embedded)]


@tool("test_multiple_content_types", "Returns a text, an image and a resource.")
async def _mixed(_tools: Tools, _ctx: Context, _params: Params) -> Content:
    embedded = types.TextResourceContents(
        uri="test://mixed-content-resource",
        mime_type="application/json",
        text=json.dumps({"test": "data", "value": 123}),
    )
    image = types.ImageContent(data=samples.PNG, mime_type="image/png")
    return [_text("Multiple content types test:"), image, types.EmbeddedResource(resource=embedded)]


@tool("test_tool_with_logging", "Logs three times.")
async def _logging(tools: Tools, ctx: Context, _params: Params) -> Content:
    await tools.sessions.log(ctx, "Tool execution started")
    await anyio.sleep(_PAUSE)
    await tools.sessions.log(ctx, "Tool processing data")
    await anyio.sleep(_PAUSE)
    await tools.sessions.log(ctx, "Tool execution completed")
    return [_text("Logged three times.")]


@tool("test_logging_tool", "Logs once.")
async def _logging_once(tools: Tools, ctx: Context, _params: Params) -> Content:
    await tools.sessions.log(ctx, "One entry")
    return [_text("Logged once.")]


@tool("test_tool_with_progress", "Reports progress three times.")
async def _progress(_tools: Tools, ctx: Context, _params: Params) -> Content:
    for progress in (0, 50):
        await ctx.session.report_progress(progress, 100)
        await anyio.sleep(_PAUSE)
    await ctx.session.report_progress(100, 100)
    return [_text("Reported progress three times.")]


@tool("test_error_handling", "Fails.")
async def _error(_tools: Tools, _ctx: Context, _params: Params) -> Content:
    raise ToolError("This tool intentionally returns an error for testing")


@tool("test_sampling", "Asks the model.", prompt={"type": "string"})
async def _sampling(_tools: Tools, ctx: Context, params: Params) -> Content:
    _able(ctx, "sampling")
    answers = await ask(ctx, params, {"answer": sample(params.arguments["prompt"])})
    return [_text(f"LLM response: {answers['answer'].content.text}")]


@tool("test_elicitation", "Asks the user.", message={"type": "string"})
async def _elicitation(_tools: Tools, ctx: Context, params: Params) -> Content:
    _able(ctx, "elicitation")
    asked = form(
        params.arguments["message"],
        {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"},
        },
    )
    answers = await ask(ctx, params, {"answer": asked})
    return [_text(f"User response: {described(answers['answer'])}")]


@tool("test_elicitation_sep1034_defaults", "Asks the user, with a default for each field.")
async def _defaults(_tools: Tools, ctx: Context, params: Params) -> Content:
    _able(ctx, "elicitation")
    fields = {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    }
    answers = await ask(ctx, params, {"answer": form("Please check these.", fields, required=[])})
    return [_text(f"Elicitation completed: {described(answers['answer'])}")]


@tool("test_elicitation_sep1330_enums", "Asks the user, with every kind of choice.")
async def _enums(_tools: Tools, ctx: Context, params: Params) -> Content:
    _able(ctx, "elicitation")

    def titled(*titles: str) -> list[dict[str, str]]:
        return [{"const": f"value{number}", "title": title} for number, title in enumerate(titles, 1)]

    options = ["option1", "option2", "option3"]
    old = {"enum": ["opt1", "opt2", "opt3"], "enumNames": ["Option One", "Option Two", "Option Three"]}
    choices = titled("First Choice", "Second Choice", "Third Choice")
    fields = {
        "untitledSingle": {"type": "string", "enum": options},
        "titledSingle": {"type": "string", "oneOf": titled("First Option", "Second Option", "Third Option")},
        "legacyEnum": {"type": "string", **old},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
        "titledMulti": {"type": "array", "items": {"anyOf": choices}},
    }
    answers = await ask(ctx, params, {"answer": form("Please choose.", fields, required=[])})
    return [_text(f"Elicitation completed: {described(answers['answer'])}")]


@tool("test_streaming_elicitation", "Reports progress, then asks the user.")
async def _streaming_elicitation(_tools: Tools, ctx: Context, params: Params) -> Content:
    _able(ctx, "elicitation")
    await ctx.session.report_progress(50, 100)
    answers = await ask(ctx, params, {"answer": form("Shall we go on?", {"ok": {"type": "boolean"}})})
    return [_text(f"User response: {described(answers['answer'])}")]


@tool("test_reconnection", "Closes the response's stream, and answers on the one that resumes it.")
async def _reconnection(_tools: Tools, ctx: Context, _params: Params) -> Content:
    if ctx.close_sse_stream is not None:
        await ctx.close_sse_stream()
        await anyio.sleep(2 * _PAUSE)
    return [_text("The stream was closed and resumed.")]


@tool("test_missing_capability", "Takes the capability `sampling`.")
async def _missing_capability(_tools: Tools, ctx: Context, _params: Params) -> Content:
    demand(ctx, "sampling")
    return [_text("The client can sample.")]


@tool("test_trigger_tool_change", "Says that the list of tools changed. It stays the same.")
async def _tool_change(tools: Tools, ctx: Context, _params: Params) -> Content:
    await tools.changed(ctx, ToolsListChanged())
    return [_text("Said that the tools changed.")]


@tool("test_trigger_prompt_change", "Says that the list of prompts changed. It stays the same.")
async def _prompt_change(tools: Tools, ctx: Context, _params: Params) -> Content:
    await tools.changed(ctx, PromptsListChanged())
    return [_text("Said that the prompts changed.")]


@tool("test_trigger_resource_update", "Says that the watched resource was updated. It stays the same.")
async def _resource_update(tools: Tools, ctx: Context, _params: Params) -> Content:
    await tools.changed(ctx, ResourceUpdated(uri=resources.WATCHED))
    return [_text("Said that the watched resource was updated.")]


@tool(
    "test_custom_header",
    "Takes one argument that is also in a header.",
    region={"type": "string", "x-mcp-header": "Region"},
    query={"type": "string"},
)
async def _custom_header(_tools: Tools, _ctx: Context, params: Params) -> Content:
    return [_text(f"region={params.arguments['region']}, query={params.arguments['query']}")]


@tool(
    "json_schema_2020_12_tool",
    "Has a schema with what JSON Schema 2020-12 offers.",
    schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "address",
                "type": "object",
                "properties": {"town": {"type": "string"}, "country": {"type": "string"}},
            }
        },
        "properties": {
            "name": {"type": "string"},
            "home": {"$ref": "#/$defs/address"},
            "by": {"type": "string", "enum": ["letter", "phone"]},
            "phone": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["home"]}, {"required": ["phone"]}]}],
        "if": {"properties": {"by": {"const": "phone"}}, "required": ["by"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["home"]},
        "additionalProperties": False,
    },
)
async def _json_schema(_tools: Tools, _ctx: Context, params: Params) -> Content:
    return [_text(f"Called with {json.dumps(params.arguments)}")]


@tool("test_input_required_result_elicitation", "Asks the user.")
async def _input_elicitation(_tools: Tools, ctx: Context, params: Params) -> Content:
    answers = await ask(ctx, params, {"user_name": _name("What is your name?")})
    return [_text(f"Hello, {_field(answers['user_name'], 'name')}!")]


@tool("test_input_required_result_sampling", "Asks the model.")
async def _input_sampling(_tools: Tools, ctx: Context, params: Params) -> Content:
    answers = await ask(ctx, params, {"capital_question": sample("What is the capital of France?")})
    return [_text(answers["capital_question"].content.text)]


@tool("test_input_required_result_list_roots", "Asks for the roots.")
async def _input_roots(_tools: Tools, ctx: Context, params: Params) -> Content:
    answers = await ask(ctx, params, {"client_roots": roots()})
    return [_text(f"Roots: {_listed(answers['client_roots'])}")]


@tool("test_input_required_result_request_state", "Asks the user, and wants its state back.")
async def _input_state(_tools: Tools, ctx: Context, params: Params) -> Content:
    asked = form("Please confirm", {"ok": {"type": "boolean"}})
    answers = await ask(ctx, params, {"confirm": asked}, state="confirming")
    _returned(ctx, params, "confirming")
    return [_text(f"state-ok: {_field(answers['confirm'], 'ok')}")]


@tool("test_input_required_result_multiple_inputs", "Asks the user, the model and for the roots at once.")
async def _input_multiple(_tools: Tools, ctx: Context, params: Params) -> Content:
    asked = {
        "user_name": _name("What is your name?"),
        "greeting": sample("Generate a greeting", max_tokens=50),
        "client_roots": roots(),
    }
    answers = await ask(ctx, params, asked, state="three at once")
    _returned(ctx, params, "three at once")
    greeting, named = answers["greeting"].content.text, _field(answers["user_name"], "name")
    return [_text(f"{greeting} {named}, at {_listed(answers['client_roots'])}")]


@tool("test_input_required_result_multi_round", "Asks the user twice.")
async def _input_rounds(_tools: Tools, ctx: Context, params: Params) -> Content:
    known = json.loads(params.request_state or "{}")
    if "name" not in known:
        answers = await ask(ctx, params, {"step1": _name("Step 1: What is your name?")}, state="{}")
        known["name"] = _field(answers["step1"], "name")
    asked = form("Step 2: What is your favorite color?", {"color": {"type": "string"}})
    answers = await ask(ctx, params, {"step2": asked}, state=json.dumps(known))
    return [_text(f"{known['name']} likes {_field(answers['step2'], 'color')}.")]


@tool("test_input_required_result_tampered_state", "Asks the user, and refuses a state that was altered.")
async def _input_tampered(_tools: Tools, ctx: Context, params: Params) -> Content:
    asked = form("Please confirm", {"ok": {"type": "boolean"}})
    answers = await ask(ctx, params, {"confirm": asked}, state="sealed")
    _returned(ctx, params, "sealed")
    return [_text(f"The state came back as it was: {_field(answers['confirm'], 'ok')}")]


@tool("test_input_required_result_capabilities", "Asks whoever the client says it can ask.")
async def _input_capabilities(_tools: Tools, ctx: Context, params: Params) -> Content:
    every = {"user_name": _name("What is your name?"), "greeting": sample("Generate a greeting"), "roots": roots()}
    able = {name: question for name, question in every.items() if can(ctx, question.capability)}
    answers = await ask(ctx, params, able)
    return [_text(f"Answered: {', '.join(sorted(answers))}")]


def _able(ctx: Context, capability: str) -> None:
    """Up to 2025-11-25 a lack of the client's is an error of the tool."""
    if not modern(ctx) and not can(ctx, capability):
        raise ToolError(f"The client has no capability `{capability}`")


def _returned(ctx: Context, params: Params, state: str) -> None:
    if modern(ctx) and params.request_state != state:
        raise MCPError(types.INVALID_PARAMS, "requestState is missing")


def _name(message: str) -> Any:
    return form(message, {"name": {"type": "string"}})


def _field(answer: types.ElicitResult, name: str) -> Any:
    return (answer.content or {}).get(name)


def _listed(answer: types.ListRootsResult) -> str:
    return ", ".join(str(root.uri) for root in answer.roots)
