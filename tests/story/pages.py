"""Operations as they stand in a page of docs/: each GraphQL block with the JSON block after it."""

import json
import pathlib
import re
from typing import Any

BLOCKS = re.compile(r"```graphql\n(.*?)```\s*```json\n(.*?)```", re.DOTALL)
NAME = re.compile(r"(?:query|mutation|subscription) (\w+)")


class Page:
    """One page's operations by name, in their order."""

    def __init__(self, path: str) -> None:
        self.operations: dict[str, tuple[str, str]] = {}
        for document, variables in BLOCKS.findall(pathlib.Path(path).read_text()):
            named = NAME.search(document)
            assert named is not None
            self.operations[named.group(1)] = (document, variables)

    def operation(self, name: str, **known: str) -> tuple[str, dict[str, Any]]:
        """The document, and its variables with `<name>` replaced by what is known by that name."""
        document, variables = self.operations[name]
        for word, value in known.items():
            variables = variables.replace(f"<{word}>", value)
        assert "<" not in variables, variables
        found: dict[str, Any] = json.loads(variables)
        return document, found
