"""What the publishing decorator refuses at import, and what it serves."""

import dataclasses
import enum

import pytest
import strawberry

from schema.publish import definition, publish_enum, publish_input, publishes, related, served, shown
from store.database import tables


def test_field_that_is_no_column_fails_at_import() -> None:
    with pytest.raises(TypeError, match=r"View\.secret is neither a column nor has it a resolver\."):

        @publishes(tables.User)
        class View:
            """A user."""

            handle: str = shown("The name.")
            secret: str = shown("Nothing of the kind.")


def test_view_without_words_fails_at_import() -> None:
    with pytest.raises(TypeError, match="View has no docstring"):

        @publishes(tables.User)
        class View:
            handle: str = shown("The name.")


def test_resolver_without_words_for_its_argument_fails_at_import() -> None:
    def shout(loud: bool) -> str:
        return "!" if loud else "."

    with pytest.raises(KeyError, match="loud"):
        related(shout, str, "Shouts.")


def test_enum_member_without_words_fails_at_import() -> None:
    class Mood(enum.Enum):
        """How it is."""

        GOOD = "GOOD"
        BAD = "BAD"

    with pytest.raises(KeyError, match="BAD"):
        publish_enum(Mood, {"GOOD": "Well."})


def test_input_field_without_words_fails_at_import() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Given:
        """Something given."""

        name: str

    with pytest.raises(KeyError, match="description"):
        publish_input(Given)


def test_docstring_is_the_description_and_fields_keep_their_order() -> None:
    def two() -> int:
        return 2

    @dataclasses.dataclass
    class Row:
        first: int
        third: int

    @publishes(Row)
    class View:
        """Three
        numbers.
        """

        first: int = shown("One.")
        second = related(two, int, "Two.")
        third: int = shown("Three.")

    assert definition(View).description == "Three\nnumbers."
    assert [field.python_name for field in definition(View).fields] == ["first", "second", "third"]


def test_rows_are_served_as_they_are_behind_an_interface_over_one_table() -> None:
    @publishes(tables.Subject, interface=True)
    class Subject:
        """Somebody."""

        name: str = shown("The name.")
        appearance_locked: bool = shown("A hybrid property.")

    @publishes(tables.Persona)
    class Persona(Subject):
        """A face."""

        personality: str | None = shown("How.")

    @publishes(tables.Character)
    class Character(Subject):
        """A figure."""

    row = tables.Persona(name="Mira", personality="calm", base_image_status=tables.BaseImageStatus.APPROVED)
    figure = tables.Character(name="Orc", base_image_status=tables.BaseImageStatus.DRAFT)

    def everybody() -> list[tables.Subject]:
        return [row, figure]

    query = strawberry.type(type("Query", (), {"all": related(everybody, list[Subject], "All.")}))
    schema = strawberry.Schema(query=query, types=[Persona, Character])
    result = schema.execute_sync(
        "{ all { __typename name appearanceLocked ... on Persona { personality } } }"
    )
    assert result.errors is None
    assert result.data == {
        "all": [
            {"__typename": "Persona", "name": "Mira", "appearanceLocked": True, "personality": "calm"},
            {"__typename": "Character", "name": "Orc", "appearanceLocked": False},
        ]
    }


def test_served_names_are_columns_hybrids_fields_and_properties() -> None:
    assert {"id", "name", "appearance_locked", "personality"} <= served(tables.Persona)
    assert "look" not in served(tables.Persona)  # a plain property of a row is nobody's business
