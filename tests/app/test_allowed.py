"""GRAPHQL_DOCUMENTS: what is read, and what stops the start."""

import pathlib

import pytest

from app.allowed import allowed_documents
from app.graphql.settings import GraphQLSettings
from app.settings import SettingsError
from schema import schema

VIEWER = "query Who { viewer { handle } }\n"
JOBS = "{ jobs(first: 5) { nodes { id } } }\n"


def read(place: pathlib.Path | None) -> tuple[str, ...] | None:
    return allowed_documents(GraphQLSettings(graphql_documents=place), schema._schema)


def test_without_the_setting_every_document_may_run() -> None:
    assert read(None) is None


def test_one_file_is_one_document(tmp_path: pathlib.Path) -> None:
    (tmp_path / "who.graphql").write_text(VIEWER)
    assert read(tmp_path / "who.graphql") == (VIEWER,)


def test_folder_is_read_to_its_depth_and_other_files_are_not(tmp_path: pathlib.Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "jobs.gql").write_text(JOBS)
    (tmp_path / "site" / "who.graphql").write_text(VIEWER)
    (tmp_path / "README.md").write_text("Not a document.")
    assert read(tmp_path) == (JOBS, VIEWER)


def test_document_that_does_not_fit_the_schema_stops_the_start_with_its_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.graphql").write_text(VIEWER)
    (tmp_path / "b.graphql").write_text("{ viewer { nothing } }")
    with pytest.raises(SettingsError, match=r"^GRAPHQL_DOCUMENTS is wrong: .*b\.graphql: Cannot query field"):
        read(tmp_path)


@pytest.mark.parametrize(("content", "words"), [(b"{ viewer", "Syntax Error"), (b"\xff", "utf-8")])
def test_file_that_is_no_document_stops_the_start(tmp_path: pathlib.Path, content: bytes, words: str) -> None:
    (tmp_path / "a.graphql").write_bytes(content)
    with pytest.raises(SettingsError, match=rf"^GRAPHQL_DOCUMENTS is wrong: .*a\.graphql: .*{words}"):
        read(tmp_path)


def test_place_without_documents_stops_the_start(tmp_path: pathlib.Path) -> None:
    for place in (tmp_path, tmp_path / "missing"):
        with pytest.raises(SettingsError, match=r"^GRAPHQL_DOCUMENTS is wrong: there is no document"):
            read(place)
