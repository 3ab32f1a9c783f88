"""graphql-transport-ws, strictly: what a message may look like, what closes a socket, and with which code.

Subclasses Strawberry's handler for its life cycle (init timeout, shutdown, cleanup) and replaces what it gets
wrong: malformed messages (4400, never 1006), `extensions`, pong payloads, one context for a whole socket.
Codes are those of graphql-ws's PROTOCOL.md, and 1012 when the server drains, so that clients come back.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.async_base_view import AsyncBaseHTTPView
from strawberry.http.exceptions import NonTextMessageReceived, WebSocketDisconnected
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import Operation as _Operation
from typing_extensions import override

from app.graphql.coding import decode, encode_text
from app.graphql.keys import End, Tenure, bearer, from_parameters
from app.graphql.masking import bug
from app.graphql.params import Params, from_json
from app.graphql.refusals import ErrorCode, RequestError, formatted
from app.graphql.served import Served
from app.graphql.wiring import Wiring, request_id_of

View = AsyncBaseHTTPView[Any, Any, Any, Any, Any, Any, None]
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_ACCEPTABLE = 4400, 4401, 4403, 4406
INIT_TIMEOUT, DUPLICATE, TOO_MANY_INITS, RESTART = 4408, 4409, 4429, 1012
MAX_REASON_BYTES = 120  # a close frame holds 123 bytes of reason
MAX_ID_LENGTH = 256


class Running(_Operation[Any, None]):
    """One operation on a socket."""

    __slots__ = ("params",)

    def __init__(self, handler: "Handler", name: str, params: Params) -> None:
        super().__init__(handler, name, params.query, params.variables, params.operation_name)
        self.params = params


class MalformedMessageError(Exception):
    """A message that the protocol does not allow; its words become the reason of the 4400."""


class Adapter(ASGIWebSocketAdapter):
    """Text frames in and out; what is not JSON is told apart from a socket that went away."""

    @override
    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        """Yield messages until the client leaves.

        Raises:
            MalformedMessageError: for a message that is not JSON.
            NonTextMessageReceived: for a binary message.
        """
        del ignore_parsing_errors  # graphql-transport-ws has no message that may be ignored
        while self.ws.application_state != WebSocketState.DISCONNECTED:
            message = await self.ws.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                raise NonTextMessageReceived
            try:
                yield decode(text)
            except RequestError as refused:
                raise MalformedMessageError(str(refused)) from None

    @override
    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send one message.

        Raises:
            WebSocketDisconnected: when nobody is there to read it.
        """
        if self.ws.application_state != WebSocketState.CONNECTED:
            raise WebSocketDisconnected
        try:
            await self.ws.send_text(encode_text(message))
        except (WebSocketDisconnect, OSError, RuntimeError) as gone:
            raise WebSocketDisconnected from gone

    @override
    async def close(self, code: int, reason: str) -> None:
        """Close once; the reason is cut to what a close frame holds."""
        if self.ws.application_state != WebSocketState.CONNECTED:
            return
        short = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
        with suppress(WebSocketDisconnect, OSError, RuntimeError):
            await self.ws.close(code=code, reason=short)


class Handler(BaseGraphQLTransportWSHandler[Any, None]):
    """One socket: its caller, its operations, its end."""

    def __init__(self, view: View, wiring: Wiring, served: Served, websocket: Adapter) -> None:
        settings = wiring.settings
        super().__init__(
            view=view,
            websocket=websocket,
            context=None,
            root_value=None,
            schema=view.schema,
            connection_init_wait_timeout=timedelta(seconds=settings.socket_init_seconds),
            max_subscriptions_per_connection=settings.socket_max_operations,
        )
        self.wiring = wiring
        self.served = served
        self.socket = websocket
        self._tenure: Tenure | None = None
        self._tending: asyncio.Task[None] | None = None
        self._count = 0

    @override
    async def handle(self) -> None:
        """Serve the socket until either side ends it."""
        self.on_request_accepted()
        try:
            async for message in self.socket.iter_json():
                await self.handle_message(_message(message))
        except NonTextMessageReceived:
            await self.socket.close(BAD_REQUEST, "Messages must be text")
        except MalformedMessageError as error:
            await self.socket.close(BAD_REQUEST, str(error))
        except WebSocketDisconnected:
            pass
        finally:
            if self._tending:
                self._tending.cancel()
            await self.shutdown()

    @override
    async def handle_message(self, message: Any) -> None:
        """Dispatch one message whose envelope has been checked."""
        match message["type"]:
            case "connection_init":
                await self.handle_connection_init(message)
            case "ping":
                await self.handle_ping(message)
            case "pong":
                pass
            case "subscribe":
                await self.handle_subscribe(message)
            case "complete":
                await self.cleanup_operation(_id(message))
            case other:
                raise MalformedMessageError(f"Unknown message type {other!r}")

    @override
    async def handle_connection_init(self, message: Any) -> None:
        """Admit the caller by the key in the payload, or in the handshake's headers."""
        if self.connection_timed_out:
            return
        if self.connection_init_received:
            await self.socket.close(TOO_MANY_INITS, "Too many initialisation requests")
            return
        self.connection_init_received = True
        if self.connection_init_timeout_task:
            self.connection_init_timeout_task.cancel()
        secret = from_parameters(_payload(message) or {}) or bearer(self.socket.ws.headers)
        viewer = await self.wiring.admit(secret)
        if viewer is None:
            await self.socket.close(
                FORBIDDEN, "This key is not valid" if secret else "This server needs a key"
            )
            return
        self._tenure = Tenure(self.wiring, secret, viewer)
        self.connection_acknowledged = True
        self._tending = asyncio.create_task(self._tend(self._tenure))
        await self.socket.send_json({"type": "connection_ack"})

    @override
    async def handle_ping(self, message: Any) -> None:
        """Answer at once, with the payload that came."""
        payload = _payload(message)
        await self.socket.send_json(
            {"type": "pong"} if payload is None else {"type": "pong", "payload": payload}
        )

    @override
    async def handle_subscribe(self, message: Any) -> None:
        """Start an operation; refuse it with `error` when it cannot run."""
        if not self.connection_acknowledged:
            await self.socket.close(UNAUTHORIZED, "Unauthorized")
            return
        name = _id(message)
        if name in self.operations:
            await self.socket.close(DUPLICATE, f"Subscriber for {name} already exists")
            return
        payload = _payload(message)
        if payload is None:
            raise MalformedMessageError("subscribe needs a payload")
        try:
            params = from_json(payload)
        except RequestError as refused:
            raise MalformedMessageError(str(refused)) from None
        if len(self.operations) >= (self.max_subscriptions_per_connection or 0):
            most = self.max_subscriptions_per_connection
            error = formatted(f"This socket runs {most} operations already.", ErrorCode.TOO_MANY_OPERATIONS)
            await self.socket.send_json({"id": name, "type": "error", "payload": [error]})
            return
        running = Running(self, name, params)
        running.task = asyncio.create_task(self.run(running))
        running.task.add_done_callback(self._task_done)
        self.operations[name] = running

    async def run(self, operation: Running) -> None:
        """Prepare, run and report one operation, in a context of its own."""
        self._count += 1
        request_id = f"{request_id_of(self.socket.ws.scope)}.{self._count}"
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            assert self._tenure is not None  # nothing is run before the handshake is acknowledged
            viewer = self._tenure.viewer
            prepared = self.served.prepare(operation.params, viewer)
            context = self.wiring.context(viewer, request_id)
            async with aclosing(self.served.stream(prepared, context, "websocket")) as responses:
                async for response in responses:
                    told = {"id": operation.id, "type": "next", "payload": response.within}
                    await self.socket.send_json(told)
            await self._finish(operation, {"type": "complete"})
        except RequestError as refused:
            await self._finish(operation, {"type": "error", "payload": refused.errors})
        except WebSocketDisconnected:
            self.operations.pop(operation.id, None)
        except Exception as error:  # noqa: BLE001  # a bug of ours ends this operation, not the socket
            await self._finish(operation, {"type": "error", "payload": [bug(error)]})

    async def _finish(self, operation: Running, message: dict[str, Any]) -> None:
        """Send the last message of an operation, once; its id is free before it is sent."""
        if operation.completed:
            return
        operation.completed = True
        self.operations.pop(operation.id, None)
        with suppress(WebSocketDisconnected):
            await self.socket.send_json({"id": operation.id, **message})

    async def _tend(self, tenure: Tenure) -> None:
        end = await tenure.end()
        if end is End.REVOKED:
            await self.socket.close(FORBIDDEN, "The key is no longer valid")
        else:
            await self.socket.close(RESTART, "The server is restarting")


async def serve_socket(view: View, wiring: Wiring, served: Served, websocket: WebSocket) -> None:
    """Accept the handshake and serve the socket; without our protocol it is accepted and closed with 4406."""
    offered = websocket.scope.get("subprotocols") or []
    if GRAPHQL_TRANSPORT_WS_PROTOCOL not in offered:
        await websocket.accept()
        await websocket.close(NOT_ACCEPTABLE, "Speak graphql-transport-ws")
        return
    await websocket.accept(subprotocol=GRAPHQL_TRANSPORT_WS_PROTOCOL)
    await Handler(view, wiring, served, Adapter(view, websocket, websocket)).handle()


def _message(message: object) -> dict[str, Any]:
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise MalformedMessageError("A message is an object with a `type`")
    return message


def _id(message: dict[str, Any]) -> str:
    name = message.get("id")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_ID_LENGTH:
        raise MalformedMessageError("`id` must be a string of 1 to 256 characters")
    return name


def _payload(message: dict[str, Any]) -> dict[str, Any] | None:
    payload = message.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise MalformedMessageError("`payload` must be an object")
    return payload
