"""What was sent over HTTP up to 2025-11-25, kept for clients that come back with `Last-Event-ID`."""

from collections import deque

import mcp_types as types
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore

# A test reconnects at once: what is older is of no use to it.
_KEPT = 1000


class RecentEvents(EventStore):
    """The last events of all streams of one session, oldest first."""

    def __init__(self) -> None:
        self._last = 0
        self._events: deque[tuple[int, str, types.JSONRPCMessage | None]] = deque(maxlen=_KEPT)

    async def store_event(self, stream_id: str, message: types.JSONRPCMessage | None) -> str:
        self._last += 1
        self._events.append((self._last, stream_id, message))
        return str(self._last)

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        stream = next((stream for number, stream, _ in self._events if str(number) == last_event_id), None)
        if stream is None:
            return None
        for number, of, message in list(self._events):
            if of == stream and number > int(last_event_id) and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream
