"""`POST /webhooks/replicate`: Replicate says that a call has ended, so whoever waits for it looks at once.

Nothing is believed but that there is news: the run asks Replicate itself. Only what Replicate signed is heard; a
lost or late message costs no more than the next poll would have.
"""

from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.graphql.refusals import ErrorCode
from app.graphql.uploads import BodyTooLargeError
from app.web.body_limit import BodyLimit
from app.web.replies import problem
from generators.hosted.replicate_wire import BadSignature, verified_webhook

PATH = "/webhooks/replicate"
MOST_BYTES = 4 * 1024 * 1024  # a prediction with its whole log
Nudge = Callable[[str, str | None], bool]
"""(the provider's id of a call, our own key of it) -> whether a run here waits for it."""


class ReplicateHooks:
    """The route. `secret` is `whsec_…`."""

    def __init__(self, secret: str, nudge: Nudge) -> None:
        self._secret = secret
        self._nudge = nudge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 204 for what Replicate signed, known here or not; 401 for all else."""
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        try:
            body = await request.body()
            call = verified_webhook(request.headers, body, self._secret)
        except ClientDisconnect:
            return Response(status_code=400)
        except BodyTooLargeError as error:
            return problem(ErrorCode.PAYLOAD_TOO_LARGE, str(error), 413)
        except BadSignature as error:
            return problem(ErrorCode.UNAUTHENTICATED, str(error), 401)
        self._nudge(call["id"], request.query_params.get("call"))
        return Response(status_code=204)


def replicate_route(secret: str, nudge: Nudge) -> Route:
    """The route with its limit."""
    return Route(PATH, BodyLimit(ReplicateHooks(secret, nudge), MOST_BYTES), methods=["POST"])
