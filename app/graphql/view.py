"""The GraphQL endpoint: negotiation in front, Strawberry's view as the frame, refusals told as GraphQL errors.

A subclass of Strawberry's ASGI view that replaces what it gets wrong (docs/decisions/009-transports.md): one
request is read, its caller admitted, its document prepared, then it runs in a context of its own.
"""

import asyncio
from typing import Any

import structlog
from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from typing_extensions import override

from app.graphql.accept import Accept, Answer
from app.graphql.coding import decode, encode, encode_text
from app.graphql.documents import Operation
from app.graphql.keys import Tenure, bearer
from app.graphql.masking import bug, status
from app.graphql.params import Params, from_json, from_url
from app.graphql.refusals import ErrorCode, RequestError, refuse
from app.graphql.served import Served
from app.graphql.sockets import Adapter, serve_socket
from app.graphql.streams import EventFraming, Framing, MultipartFraming, Streamed, until_gone
from app.graphql.uploads import FormRequest, read_operations
from app.graphql.wiring import Viewer, Wiring, request_id_of

FRAMINGS: dict[Answer, type[Framing]] = {Answer.EVENTS: EventFraming, Answer.MULTIPART: MultipartFraming}
ALLOWED = "GET, POST"
MAX_JSON_BYTES = 1_048_576
VARY = {"vary": "accept"}


class GraphQLView(GraphQL[Any, None]):
    """One schema over HTTP and WebSocket."""

    websocket_adapter_class = Adapter

    def __init__(self, wiring: Wiring) -> None:
        super().__init__(
            wiring.schema,
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            max_subscriptions_per_connection=wiring.settings.socket_max_operations,
        )
        self.wiring = wiring
        self.served = Served(wiring)

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request or one WebSocket."""
        if scope["type"] == "websocket":
            await serve_socket(self, self.wiring, self.served, WebSocket(scope, receive, send))
            return
        request = FormRequest(scope, receive)
        accept = Accept(request.headers.get("accept"))
        try:
            response = await self._answer(request, accept)
            await response(scope, receive, send)
        except ClientDisconnect:
            return  # it left while it was still sending: there is nobody to answer
        finally:
            await request.close()

    @override
    def decode_json(self, data: str | bytes) -> object:
        """Read JSON with our limits."""
        return decode(data)

    @override
    def encode_json(self, data: object) -> str:
        """Write JSON as text, as WebSocket frames need."""
        return encode_text(data)

    async def _answer(self, request: FormRequest, accept: Accept) -> Response:
        """The response, whatever happens on the way to it."""
        try:
            return await self._respond(request, accept)
        except RequestError as refused:
            return _refusal(refused, accept)
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001  # the last place where a bug becomes an answer; it is logged
            return _refusal(RequestError([bug(error)], status=status(error)), accept)

    async def _respond(self, request: FormRequest, accept: Accept) -> Response:
        if request.method not in ("GET", "HEAD", "POST"):
            raise _method(f"{request.method} is not supported here; send a GET or a POST.", ALLOWED)
        if self.wiring.page and _wants_page(request, accept):
            return self.wiring.page(request)
        secret = bearer(request.headers)
        viewer = await self._admit(secret)
        params = await _read(request)
        operation = self.served.prepare(params, viewer)
        return await self._run(request, operation, accept, (viewer, secret))

    async def _admit(self, secret: str | None) -> Viewer:
        viewer = await self.wiring.admit(secret)
        if viewer is None:
            words = (
                "This key is not valid."
                if secret
                else "This server needs a key: Authorization: Bearer <key>."
            )
            raise refuse(ErrorCode.UNAUTHENTICATED, words, status=401, headers={"www-authenticate": "Bearer"})
        return viewer

    async def _run(
        self, request: Request, operation: Operation, accept: Accept, caller: tuple[Viewer, str | None]
    ) -> Response:
        kind = operation.kind
        if kind is OperationType.MUTATION and request.method != "POST":
            raise _method("Mutations need POST.", "POST")
        subscribing = kind is OperationType.SUBSCRIPTION
        answer = accept.for_subscription() if subscribing else accept.for_single_result()
        context = self.wiring.context(caller[0], request_id_of(request.scope))
        if answer in FRAMINGS:
            framing = FRAMINGS[answer]()
            return self._stream(operation, context, framing, caller)
        return await self._single(request, operation, context, answer)

    async def _single(
        self, request: Request, operation: Operation, context: object, answer: Answer
    ) -> Response:
        running = self.served.execute(operation, context)
        leaves = operation.kind is OperationType.QUERY
        body = await (_unless_gone(request, running) if leaves else running)
        return _json(body, 200, answer)

    def _stream(
        self, operation: Operation, context: object, framing: Framing, caller: tuple[Viewer, str | None]
    ) -> Response:
        viewer, secret = caller
        responses = self.served.stream(operation, context, framing.transport)
        silence = self.wiring.settings.heartbeat_seconds
        return Streamed(responses, framing, Tenure(self.wiring, secret, viewer), silence)


def _wants_page(request: Request, accept: Accept) -> bool:
    return request.method in ("GET", "HEAD") and "query" not in request.query_params and accept.wants_page()


async def _read(request: FormRequest) -> Params:
    if request.method != "POST":
        return from_url(request.query_params)
    header = request.headers.get("content-type", "")
    kind, _, rest = header.partition(";")
    kind = kind.strip().lower()
    if kind == "multipart/form-data":
        return from_json(await read_operations(request))
    charset = _charset(rest)
    if kind not in ("application/json", "application/graphql-response+json") or charset not in ("", "utf-8"):
        message = "Send `Content-Type: application/json` in UTF-8, or multipart/form-data to upload files."
        raise refuse(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message, status=415)
    return from_json(decode(await _body(request)))


def _charset(parameters: str) -> str:
    for item in parameters.split(";"):
        name, _, value = item.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower().replace("utf8", "utf-8")
    return ""


async def _body(request: Request) -> bytes:
    """Read a JSON body; forms have their own, larger limit, held by the route."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_JSON_BYTES:
            message = f"The request is larger than {MAX_JSON_BYTES} bytes."
            raise refuse(ErrorCode.PAYLOAD_TOO_LARGE, message, status=413)
    return bytes(body)


async def _unless_gone(request: Request, running: Any) -> dict[str, Any]:
    """Wait for `running`; cancel it when the client hangs up."""
    work = asyncio.ensure_future(running)
    leaving = asyncio.ensure_future(until_gone(request.receive))
    try:
        await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            structlog.get_logger("likeness.graphql").info("client left, query cancelled")
            raise refuse(ErrorCode.TIMEOUT, "The client left.", status=499)
        body: dict[str, Any] = work.result()
        return body
    finally:
        for task in (work, leaving):
            task.cancel()
        await asyncio.gather(work, leaving, return_exceptions=True)


def _json(body: dict[str, Any], status: int, answer: Answer) -> Response:
    kind = answer.value if answer in (Answer.JSON, Answer.GRAPHQL) else Answer.JSON.value
    return Response(encode(body), status, headers={"content-type": f"{kind}; charset=utf-8", **VARY})


def _refusal(refused: RequestError, accept: Accept) -> Response:
    """A refusal as JSON; an event stream gets its document errors as an event, as its protocol says."""
    answer = accept.for_refusal()
    if refused.of_document and not accept.ranked((Answer.JSON, Answer.GRAPHQL)):
        ranked = accept.ranked((Answer.EVENTS, Answer.MULTIPART))
        if ranked:
            return _refusal_stream(refused, FRAMINGS[ranked[0]]())
    legacy = refused.of_document and answer is Answer.JSON
    response = _json(refused.body, 200 if legacy else refused.status, answer)
    response.headers.update(refused.headers)
    return response


def _refusal_stream(refused: RequestError, framing: Framing) -> Response:
    body = framing.opening() + framing.next(refused.body) + framing.closing()
    return Response(body, 200, headers={**framing.headers, **VARY})


def _method(message: str, allowed: str) -> RequestError:
    return refuse(ErrorCode.METHOD_NOT_ALLOWED, message, status=405, headers={"allow": allowed})
