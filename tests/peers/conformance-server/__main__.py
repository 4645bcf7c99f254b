"""An MCP server with everything the conformance suite asks a server for, in both eras of the protocol.

Speaks over stdio, or over Streamable HTTP on loopback at http://127.0.0.1:PORT/mcp; says there on standard error
when it listens. Built on the Python SDK's low-level server.
"""

import argparse
import sys
import warnings

import anyio
import uvicorn
from mcp.server.caching import CACHEABLE_METHODS, CacheHint
from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPDeprecationWarning
from starlette.applications import Starlette
from starlette.routing import Route

import jobs  # noqa: F401  registers its tools
import prompts
import resources
import tools
from events import RecentEvents
from sessions import Sessions
from tasks import Tasks, background

_NAME = "conformance-server"
_PATH = "/mcp"
# How soon a client comes back to a stream that was closed, in milliseconds.
_RETRY = 100


def build() -> Server:
    bus = InMemorySubscriptionBus()
    sessions = Sessions()
    tasks = Tasks()
    offered = tools.Tools(bus, sessions, tasks)
    server = Server(
        _NAME,
        version="1.0.0",
        cache_hints={method: CacheHint(ttl_ms=1000, scope="public") for method in CACHEABLE_METHODS},
        lifespan=background,
        get_tool_input_schema=tools.schema_of,
        on_list_tools=offered.on_list,
        on_call_tool=offered.on_call,
        on_list_resources=resources.on_list,
        on_list_resource_templates=resources.on_list_templates,
        on_read_resource=resources.on_read,
        on_subscribe_resource=sessions.on_subscribe,
        on_unsubscribe_resource=sessions.on_unsubscribe,
        on_subscriptions_listen=ListenHandler(bus),
        on_list_prompts=prompts.on_list,
        on_get_prompt=prompts.on_get,
        on_completion=prompts.on_complete,
        on_set_logging_level=sessions.on_set_level,
    )
    tasks.register(server)
    server.middleware.append(RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=_NAME))
    return server


class SessionManager(StreamableHTTPSessionManager):
    """Gives each session events of its own: the SDK names streams by request id, which sessions have in common."""

    @property
    def event_store(self) -> RecentEvents:
        return RecentEvents()

    @event_store.setter
    def event_store(self, _store: None) -> None:
        pass


def application(server: Server) -> Starlette:
    names = ("127.0.0.1", "localhost", "[::1]")
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[f"{name}:*" for name in names],
        allowed_origins=[f"http://{name}:*" for name in names],
    )
    manager = SessionManager(app=server, security_settings=security, retry_interval=_RETRY)
    endpoint = Route(_PATH, endpoint=StreamableHTTPASGIApp(manager))
    return Starlette(routes=[endpoint], lifespan=lambda _: manager.run())


class HttpServer(uvicorn.Server):
    """Says when it listens."""

    async def startup(self, sockets: list | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            port = self.servers[0].sockets[0].getsockname()[1]
            print(f"{_NAME}: listening on http://127.0.0.1:{port}{_PATH}", file=sys.stderr, flush=True)


async def serve_stdio(server: Server) -> None:
    changes = NotificationOptions(prompts_changed=True, resources_changed=True, tools_changed=True)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options(changes))


def main() -> None:
    parser = argparse.ArgumentParser(prog=_NAME, description="An MCP server for the conformance suite.")
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--stdio", action="store_true", help="speak on standard input and output")
    chosen.add_argument("--http", type=int, metavar="PORT", help="listen on 127.0.0.1:PORT; 0 picks a free port")
    given = parser.parse_args()
    # The older era's logging is deprecated, and it is what we are here to offer.
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    server = build()
    if given.stdio:
        anyio.run(serve_stdio, server)
        return
    config = uvicorn.Config(
        application(server), host="127.0.0.1", port=given.http, log_level="warning", timeout_graceful_shutdown=1
    )
    HttpServer(config).run()


if __name__ == "__main__":
    main()
