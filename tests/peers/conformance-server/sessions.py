"""What a session set up to 2025-11-25: its log level and the resources it subscribed to."""

from collections import defaultdict
from typing import get_args

import mcp_types as types

from asking import Context, modern

_LEVELS = get_args(types.LoggingLevel)


class Sessions:
    """Settings by session id; over stdio there is one session, without an id."""

    def __init__(self) -> None:
        self._level: dict[str | None, types.LoggingLevel] = {}
        self._subscribed: defaultdict[str | None, set[str]] = defaultdict(set)

    async def on_set_level(self, ctx: Context, params: types.SetLevelRequestParams) -> types.EmptyResult:
        self._level[_session(ctx)] = params.level
        return types.EmptyResult()

    async def on_subscribe(self, ctx: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        self._subscribed[_session(ctx)].add(params.uri)
        return types.EmptyResult()

    async def on_unsubscribe(self, ctx: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        self._subscribed[_session(ctx)].discard(params.uri)
        return types.EmptyResult()

    def subscribed(self, ctx: Context, uri: str) -> bool:
        return uri in self._subscribed[_session(ctx)]

    async def log(self, ctx: Context, data: str) -> None:
        """Logs at level `info`; from 2026-07-28 on the SDK holds back what the request did not ask for."""
        level = self._level.get(_session(ctx), "debug")
        if modern(ctx) or _LEVELS.index("info") >= _LEVELS.index(level):
            await ctx.session.send_log_message("info", data, "fixture", related_request_id=ctx.request_id)


def _session(ctx: Context) -> str | None:
    return ctx.request.headers.get("mcp-session-id") if ctx.request is not None else None
