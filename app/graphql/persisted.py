"""Documents that a client names by their SHA-256 instead of sending them again: Apollo's automatic persisted queries,
`extensions: {"persistedQuery": {"version": 1, "sha256Hash": "…"}}`, which urql and others speak too.

The name is made of the text, so nobody can give somebody else's name another meaning. Knows no schema.
"""

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from app.graphql.params import Params
from app.graphql.refusals import ErrorCode, refuse

KEPT_CHARACTERS = 500_000
LONGEST_KEPT = 20_000
_NAME = re.compile(r"[0-9a-f]{64}")


class Persisted:
    """The texts by name; those that were not asked for the longest make room."""

    def __init__(self, pinned: Iterable[str] = ()) -> None:
        """`pinned` are texts that are known by their names from the beginning and never make room."""
        self._pinned = {hashlib.sha256(text.encode()).hexdigest(): text for text in pinned}
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._characters = 0

    def text(self, params: Params) -> str:
        """The document that a request means.

        Raises:
            RequestError: PERSISTED_QUERY_NOT_FOUND, to be answered by sending it once; BAD_REQUEST for a name that is
                none, or is another document's.
        """
        name = name_of(params.extensions)
        if name is None:
            return params.query
        if params.query:
            if not hmac.compare_digest(hashlib.sha256(params.query.encode()).hexdigest(), name):
                raise refuse(ErrorCode.BAD_REQUEST, "provided sha does not match query")
            return params.query
        if name in self._pinned:
            return self._pinned[name]
        known = self._texts.get(name)
        if known is None:
            raise refuse(ErrorCode.PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound", of_document=True)
        self._texts.move_to_end(name)
        return known

    def keep(self, params: Params) -> None:
        """Remember a valid document that came with its name."""
        name = name_of(params.extensions)
        if (
            name is None
            or name in self._texts
            or name in self._pinned
            or not 0 < len(params.query) <= LONGEST_KEPT
        ):
            return
        self._texts[name] = params.query
        self._characters += len(params.query)
        while self._characters > KEPT_CHARACTERS:
            _, oldest = self._texts.popitem(last=False)
            self._characters -= len(oldest)


def name_of(extensions: dict[str, Any] | None) -> str | None:
    """The name in a request's extensions; None without one. Raises RequestError BAD_REQUEST for one that is none."""
    asked = (extensions or {}).get("persistedQuery")
    if asked is None:
        return None
    if not isinstance(asked, dict) or asked.get("version") != 1:
        raise refuse(ErrorCode.BAD_REQUEST, "Unsupported persisted query version; this server knows 1.")
    name = asked.get("sha256Hash")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise refuse(ErrorCode.BAD_REQUEST, "`sha256Hash` must be 64 hexadecimal digits in lower case.")
    return name
