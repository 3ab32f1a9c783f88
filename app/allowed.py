"""Reads the documents that GRAPHQL_DOCUMENTS allows; one that could never run stops the start."""

import pathlib

from graphql import GraphQLSchema

from app.graphql.documents import Documents
from app.graphql.refusals import RequestError
from app.graphql.settings import GraphQLSettings
from app.settings import SettingsError

ENDINGS = (".graphql", ".gql")


def allowed_documents(settings: GraphQLSettings, schema: GraphQLSchema) -> tuple[str, ...] | None:
    """The texts, one for each file; None where every document may run.

    Raises:
        SettingsError: there is no such place, no document in it, or one that cannot run against `schema`.
    """
    place = settings.graphql_documents
    if place is None:
        return None
    files = _files(place)
    if not files:
        raise SettingsError(
            f"GRAPHQL_DOCUMENTS is wrong: there is no document (*.graphql, *.gql) at {place}."
        )
    documents = Documents(schema, settings)
    return tuple(_text(file, documents) for file in files)


def _files(place: pathlib.Path) -> list[pathlib.Path]:
    if place.is_dir():
        return sorted(file for file in place.rglob("*") if file.suffix in ENDINGS and file.is_file())
    return [place] if place.is_file() else []


def _text(file: pathlib.Path, documents: Documents) -> str:
    try:
        text = file.read_bytes().decode()
        documents.document(text)
    except (OSError, UnicodeDecodeError, RequestError) as error:
        raise SettingsError(f"GRAPHQL_DOCUMENTS is wrong: {file}: {error}") from error
    return text
