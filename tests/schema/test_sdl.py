"""schema.graphql is what the code says."""

import pathlib

from schema import build_schema, schema


def test_committed_sdl_is_what_the_schema_says() -> None:
    committed = pathlib.Path("schema/schema.graphql").read_text()

    assert committed == schema.as_str() + "\n", "schema/schema.graphql is out of date. Run `make sdl`."


def test_schema_is_the_same_each_time_it_is_built() -> None:
    assert build_schema().as_str() == schema.as_str()
