"""Resources: fixed ones, a template, and one that says when it changed."""

import json
import re

import mcp_types as types
from mcp.shared.exceptions import MCPError

import samples
from asking import Context

WATCHED = "test://watched-resource"
TEMPLATE = "test://template/{id}/data"

_TEXTS = {
    "test://static-text": ("static-text", "A text.", "This is the content of the static text resource."),
    WATCHED: ("watched-resource", "A text one may subscribe to.", "This is the content of the watched resource."),
}
_BINARY = "test://static-binary"


async def on_list(_ctx: Context, _params: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
    listed = [
        types.Resource(uri=uri, name=name, description=description, mime_type="text/plain")
        for uri, (name, description, _) in _TEXTS.items()
    ]
    listed.append(
        types.Resource(uri=_BINARY, name="static-binary", description="A red pixel.", mime_type="image/png")
    )
    return types.ListResourcesResult(resources=listed)


async def on_list_templates(
    _ctx: Context, _params: types.PaginatedRequestParams | None
) -> types.ListResourceTemplatesResult:
    template = types.ResourceTemplate(
        uri_template=TEMPLATE, name="template", description="Data by id.", mime_type="application/json"
    )
    return types.ListResourceTemplatesResult(resource_templates=[template])


async def on_read(_ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
    return types.ReadResourceResult(contents=[_contents(params.uri)])


def _contents(uri: str) -> types.TextResourceContents | types.BlobResourceContents:
    if uri in _TEXTS:
        return types.TextResourceContents(uri=uri, mime_type="text/plain", text=_TEXTS[uri][2])
    if uri == _BINARY:
        return types.BlobResourceContents(uri=uri, mime_type="image/png", blob=samples.PNG)
    if found := re.fullmatch(r"test://template/([^/]+)/data", uri):
        data = {"id": found[1], "templateTest": True, "data": f"Data for ID: {found[1]}"}
        return types.TextResourceContents(uri=uri, mime_type="application/json", text=json.dumps(data))
    raise MCPError(types.INVALID_PARAMS, "Resource not found", {"uri": uri})
