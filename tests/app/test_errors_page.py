"""docs/errors.md: whole, and what the code says."""

import pathlib
import re

from app.commands import errors_page
from app.graphql.refusals import ErrorCode
from generators.events import FailureKind
from resolvers.refused import UserErrorCode


def codes(heading: str) -> list[str]:
    section = errors_page.render().partition(f"## `{heading}`")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([A-Z_]+)` \| \S.* \| \S.* \|$", section, re.MULTILINE)


def test_committed_page_is_what_the_code_says() -> None:
    committed = pathlib.Path("docs/errors.md").read_text()

    assert committed == errors_page.render(), "docs/errors.md is out of date. Run `make settings`."


def test_every_code_has_a_row_with_its_meaning_and_what_to_do() -> None:
    assert codes("userErrors[].code") == [code.value for code in UserErrorCode]
    assert codes("failure.code") == [code.value for code in FailureKind]
    assert codes("errors[].extensions.code") == [code.value for code in ErrorCode]


def test_nothing_is_said_about_codes_that_are_no_more() -> None:
    assert set(errors_page.REFUSALS) == {code.value for code in UserErrorCode}
    assert set(errors_page.FAILURES) == {code.value for code in FailureKind}
    assert set(errors_page.ERRORS) == {code.value for code in ErrorCode}
