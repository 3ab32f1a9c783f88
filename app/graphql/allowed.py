"""The documents that an operator allows, where all others are refused. Knows texts, no files and no schema.

Spaces, commas and comments make no other document of one; everything else does.
"""

import hashlib
from collections.abc import Iterable

from graphql import strip_ignored_characters

from app.graphql.refusals import ErrorCode, refuse


class Allowed:
    """A closed set of documents."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._known = {_name(text) for text in texts}

    def check(self, text: str) -> None:
        """Let pass what was allowed; `text` is one that parses.

        Raises:
            RequestError: DOCUMENT_NOT_ALLOWED.
        """
        if _name(text) not in self._known:
            message = (
                "This server runs only documents that its operator has chosen, and this is none of them. "
                "Have it added to the folder or file GRAPHQL_DOCUMENTS."
            )
            raise refuse(ErrorCode.DOCUMENT_NOT_ALLOWED, message, of_document=True)


def _name(text: str) -> bytes:
    return hashlib.sha256(strip_ignored_characters(text).encode()).digest()
