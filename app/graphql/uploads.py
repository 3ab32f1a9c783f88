"""The GraphQL multipart request: fields `operations`, `map`, then the files, put where the map says.

A form needs no permission from a browser to cross origins, so a page elsewhere could send one with the
caller's standing. A header that a form cannot set proves that the page was allowed to (CSRF).
"""

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from app.graphql.coding import decode
from app.graphql.refusals import ErrorCode, RequestError, refuse

PREFLIGHT_HEADERS = ("graphql-require-preflight", "apollo-require-preflight", "x-apollo-operation-name")
MAX_FILES = 8
MAX_PATHS_PER_FILE = 8
MAX_FIELD_BYTES = 1_048_576  # of `operations` or `map`


class BodyTooLargeError(MultiPartException):
    """A body that passed its limit; the form parser closes its files on exceptions of this family alone."""


def require_preflight(headers: Mapping[str, str]) -> None:
    """Refuse a form that a page of another origin could have sent.

    Raises:
        RequestError: 403, when none of the three headers is there.
    """
    if not any(headers.get(name, "").strip() for name in PREFLIGHT_HEADERS):
        message = (
            "A multipart request needs one of the headers GraphQL-Require-Preflight, "
            "Apollo-Require-Preflight or X-Apollo-Operation-Name, with any value."
        )
        raise refuse(ErrorCode.CSRF_PREVENTED, message, status=403)


class FormRequest(Request):
    """A request whose form is read within our limits, and closed with the request."""

    async def read_form(self, *, max_files: int = MAX_FILES) -> FormData:
        """Read a form; files beyond a megabyte wait on disk.

        Raises:
            RequestError: 400, when it is cut off, malformed or has too many parts; 413, when it is too large.
        """
        parser = MultiPartParser(
            self.headers, self.stream(), max_files=max_files, max_fields=4, max_part_size=MAX_FIELD_BYTES
        )
        try:
            self._form = await parser.parse()
        except BodyTooLargeError as error:
            close = {"connection": "close"}
            raise refuse(ErrorCode.PAYLOAD_TOO_LARGE, error.message, status=413, headers=close) from None
        except MultiPartException as error:
            raise _bad(f"The multipart body cannot be read: {error.message}") from None
        return self._form


async def read_operations(request: FormRequest) -> dict[str, Any]:
    """Read the form and put its files into the operation's variables.

    Raises:
        RequestError: 403 without a preflight header, 400 for a form that is not as specified.
    """
    require_preflight(request.headers)
    form = await request.read_form()
    operations = _json_field(form, "operations")
    places = _json_field(form, "map")
    if isinstance(operations, list):
        raise _bad("Batches are not supported; send one operation a request.")
    if not isinstance(operations, dict):
        raise _bad("`operations` must be a JSON object.")
    if not isinstance(places, dict):
        raise _bad("`map` must be a JSON object.")
    for name, paths in places.items():
        file = form.get(name)
        if not isinstance(file, UploadFile):
            raise _bad(f"The file `{name}` of `map` is not in the form.")
        for path in _paths(name, paths):
            put(operations, path, file)
    return operations


def put(operations: dict[str, Any], path: str, file: object) -> None:
    """Replace the null that `path`, such as `variables.input.file`, leads to.

    Raises:
        RequestError: 400, when the path leads nowhere or to something else than null.
    """
    holder: Any = operations
    *way, last = path.split(".")
    if not way or way[0] != "variables":
        raise _bad(f"The path `{path}` of `map` must begin with `variables.`.")
    for step in way:
        holder = _step(holder, step, path)
    if _step(holder, last, path) is not None:
        raise _bad(f"The path `{path}` of `map` must lead to a null.")
    holder[int(last) if isinstance(holder, list) else last] = file


def _step(holder: Any, step: str, path: str) -> Any:
    if isinstance(holder, dict) and step in holder:
        return holder[step]
    if isinstance(holder, list) and step in {str(place) for place in range(len(holder))}:
        return holder[int(step)]
    raise _bad(f"The path `{path}` of `map` leads nowhere in `operations`.")


def _paths(name: str, paths: Any) -> list[str]:
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise _bad(f"`map.{name}` must be a list of paths.")
    if not 1 <= len(paths) <= MAX_PATHS_PER_FILE:
        raise _bad(f"`map.{name}` must name 1 to {MAX_PATHS_PER_FILE} places.")
    return paths


def _json_field(form: FormData, name: str) -> Any:
    text = form.get(name)
    if not isinstance(text, str):
        raise _bad(f"The form has no field `{name}`.")
    return decode(text)


def _bad(message: str) -> RequestError:
    return refuse(ErrorCode.BAD_REQUEST, message)
