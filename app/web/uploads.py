"""`POST /uploads`: keeps one picture and answers with an upload id, usable wherever a mutation takes a file.

A multipart form with one field `file`, under the same CSRF rule as GraphQL uploads.
"""

from collections.abc import Awaitable, Callable

from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.graphql.refusals import ErrorCode, RequestError, refuse
from app.graphql.uploads import FormRequest, require_preflight
from app.graphql.wiring import Viewer, Wiring
from app.web.callers import caller
from app.web.replies import problem, reply

Keep = Callable[[Viewer, UploadFile, str], Awaitable[dict[str, object]]]
"""(viewer, file, request id) -> what to answer; raises one of `refusals` when the file is not taken."""


class Uploads:
    """The route. `refusals` are exceptions with a `code`, whose words are for the client."""

    def __init__(self, wiring: Wiring, keep: Keep, refusals: tuple[type[Exception], ...]) -> None:
        self._wiring = wiring
        self._keep = keep
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 201 with the upload, or 400, 401, 403, 413, 415 with an error."""
        request = FormRequest(scope, receive)
        try:
            await (await self._respond(request))(scope, receive, send)
        finally:
            await request.close()

    async def _respond(self, request: FormRequest) -> Response:
        try:
            require_preflight(request.headers)
            viewer = await caller(self._wiring, request)
            if isinstance(viewer, Response):
                return viewer
            file = await _file(request)
            kept = await self._keep(viewer, file, request.state.request_id)
        except ClientDisconnect:
            return Response(status_code=499)
        except RequestError as error:
            return reply(error.body, error.status, error.headers)
        except self._refusals as refusal:
            code = getattr(refusal, "code", ErrorCode.BAD_REQUEST)
            return problem(str(getattr(code, "value", code)), str(refusal), 400)
        return reply(kept, 201)


async def _file(request: FormRequest) -> UploadFile:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        message = "Send multipart/form-data with one field `file`."
        raise refuse(ErrorCode.UNSUPPORTED_MEDIA_TYPE, message, status=415)
    form = await request.read_form(max_files=1)
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise refuse(ErrorCode.BAD_REQUEST, "The form has no file in the field `file`.")
    return file
