"""Prompts, and the completion of their arguments."""

import mcp_types as types
from mcp.shared.exceptions import MCPError

import samples
from asking import Context, InputRequired, ask, form

_SUGGESTIONS = ["paris", "park", "party", "hello", "world"]


def _prompt(name: str, description: str, **arguments: str) -> types.Prompt:
    named = [types.PromptArgument(name=name, description=said, required=True) for name, said in arguments.items()]
    return types.Prompt(name=name, description=description, arguments=named or None)


_LISTED = [
    _prompt("test_simple_prompt", "A text."),
    _prompt("test_prompt_with_arguments", "Repeats its arguments.", arg1="The first.", arg2="The second."),
    _prompt("test_prompt_with_embedded_resource", "Embeds a resource.", resourceUri="The URI of the resource."),
    _prompt("test_prompt_with_image", "Has an image."),
    _prompt("test_input_required_result_prompt", "Asks the user first."),
]


def _text(text: str) -> types.TextContent:
    return types.TextContent(text=text)


async def on_list(_ctx: Context, _params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
    return types.ListPromptsResult(prompts=_LISTED)


async def on_get(
    ctx: Context, params: types.GetPromptRequestParams
) -> types.GetPromptResult | types.InputRequiredResult:
    try:
        contents = await _get(ctx, params)
    except InputRequired as needed:
        return needed.result
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=each) for each in contents])


async def _get(ctx: Context, params: types.GetPromptRequestParams) -> list[types.ContentBlock]:
    prompt = next((each for each in _LISTED if each.name == params.name), None)
    if prompt is None:
        raise MCPError(types.INVALID_PARAMS, f"Unknown prompt: {params.name}")
    given = params.arguments or {}
    missing = [each.name for each in prompt.arguments or [] if each.name not in given]
    if missing:
        raise MCPError(types.INVALID_PARAMS, f"Missing arguments: {', '.join(missing)}")
    match params.name:
        case "test_simple_prompt":
            return [_text("This is a simple prompt for testing.")]
        case "test_prompt_with_arguments":
            return [_text(f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'")]
        case "test_prompt_with_embedded_resource":
            embedded = types.TextResourceContents(
                uri=given["resourceUri"], mime_type="text/plain", text="Embedded resource content for testing."
            )
            return [
                types.EmbeddedResource(resource=embedded),
                _text("Please process the embedded resource above."),
            ]
        case "test_prompt_with_image":
            image = types.ImageContent(data=samples.PNG, mime_type="image/png")
            return [image, _text("Please analyze the image above.")]
        case _:
            asked = form("What context should the prompt use?", {"context": {"type": "string"}})
            answers = await ask(ctx, params, {"user_context": asked})
            context = (answers["user_context"].content or {}).get("context")
            return [_text(f"Prompt with context: {context}")]


async def on_complete(_ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
    values = [each for each in _SUGGESTIONS if each.startswith(params.argument.value)]
    return types.CompleteResult(completion=types.Completion(values=values, total=len(values), has_more=False))
