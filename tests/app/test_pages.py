"""docs/troubleshooting.md and docs/migration.md name only what there is."""

import pathlib
import re

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType

from app import settings
from app.commands import errors_page
from schema import schema

PAGES = ("docs/troubleshooting.md", "docs/migration.md")
PARTS = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def known() -> set[str]:
    """Every name of the contract, every setting, every code."""
    names: set[str] = {row.name for row in settings.table()}
    for code in (*errors_page.REFUSALS, *errors_page.FAILURES, *errors_page.ERRORS):
        names.add(code)
    for name, kind in schema._schema.type_map.items():
        names.add(name)
        if isinstance(kind, GraphQLEnumType):
            names |= set(kind.values)
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            names |= set(kind.fields)
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            names |= {argument for field in kind.fields.values() for argument in field.args}
    return names


def named(page: str) -> set[str]:
    """What stands in backticks and looks like a name of ours."""
    found = re.findall(r"`([^`]+)`", pathlib.Path(page).read_text())
    spoken = [each for each in found if re.fullmatch(r"[A-Za-z][\w.]*(\([\w: ]*\))?|[A-Z]+_[A-Z_]+", each)]
    return {part for each in spoken for part in PARTS.findall(each)}


@pytest.mark.parametrize("page", PAGES)
def test_every_name_in_the_page_is_one_of_ours(page: str) -> None:
    assert named(page)

    assert named(page) - known() == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", pathlib.Path(page).read_text())

    assert [link for link in links if not (pathlib.Path("docs") / link).exists()] == []
