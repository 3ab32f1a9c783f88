"""Limits, the document cache, and what is told about a document that is too much."""

import time
from typing import Any

import pytest
from graphql import get_introspection_query

from app.graphql.documents import CACHED_CHARACTERS, Documents
from app.graphql.params import Params
from app.graphql.refusals import RequestError
from app.graphql.settings import GraphQLSettings
from tests.transport.toy import schema


def documents(**settings: object) -> Documents:
    return Documents(schema._schema, GraphQLSettings.model_validate(settings))


def code(query: str, **settings: object) -> str:
    with pytest.raises(RequestError) as refusal:
        documents(**settings).document(query)
    assert refusal.value.of_document
    return str(refusal.value.errors[0]["extensions"]["code"])


def nested(levels: int) -> str:
    return "{ " + "nested { " * (levels - 1) + "hello" + " }" * levels


def test_depth_at_the_limit_passes_and_one_more_does_not() -> None:
    documents(graphql_max_depth=4).document(nested(4))
    assert code(nested(5), graphql_max_depth=4) == "QUERY_TOO_DEEP"


def test_depth_counts_through_fragments() -> None:
    query = (
        "{ nested { ...A } } fragment A on Query { nested { ...B } } fragment B on Query { nested { hello } }"
    )
    assert code(query, graphql_max_depth=3) == "QUERY_TOO_DEEP"


def test_full_introspection_query_passes() -> None:
    documents().document(get_introspection_query(descriptions=True, input_value_deprecation=True))


def test_aliases_beyond_the_limit_are_refused() -> None:
    query = "{ " + " ".join(f"a{n}: __typename" for n in range(101)) + " }"
    assert code(query) == "TOO_MANY_ALIASES"


def test_aliases_count_wherever_a_fragment_is_spread() -> None:
    query = "{ nested { ...A } b: nested { ...A } } fragment A on Query { x: hello y: hello }"
    assert code(query, graphql_max_aliases=4) == "TOO_MANY_ALIASES"
    documents(graphql_max_aliases=5).document(query)


def test_ten_directives_at_one_place_are_refused() -> None:
    assert code("{ hello " + "@a " * 10 + "}") == "TOO_MANY_DIRECTIVES"


def test_directives_beyond_the_limit_are_refused() -> None:
    query = "query Q($x: Boolean!) { " + "hello @skip(if: $x) " * 51 + "}"
    assert code(query) == "TOO_MANY_DIRECTIVES"


def test_root_fields_beyond_the_limit_are_refused_and_a_mutation_has_half() -> None:
    query = "{ " + " ".join(f"a{n}: hello" for n in range(4)) + " }"
    documents(graphql_max_root_fields=4).document(query)
    assert code(query, graphql_max_root_fields=3) == "TOO_MANY_ROOT_FIELDS"
    query = "mutation { a: slow b: slow c: slow }"
    assert code(query, graphql_max_root_fields=4) == "TOO_MANY_ROOT_FIELDS"


def test_tokens_and_length_beyond_the_limit_are_refused() -> None:
    assert code("{ " + "hello " * 2_001 + "}") == "TOO_MANY_TOKENS"
    assert code("#" * 65_537 + "\n{ hello }") == "QUERY_TOO_LARGE"


def test_exponential_fragments_are_refused_at_once() -> None:
    chain = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
    began = time.thread_time()
    assert code(f"{{ ...F0 }} {chain} fragment F60 on Query {{ hello }}") in (
        "TOO_MANY_FIELDS",
        "TOO_MANY_ROOT_FIELDS",
    )
    assert time.thread_time() - began < 0.5


def test_fragment_cycle_is_a_validation_error() -> None:
    query = "{ ...A } fragment A on Query { hello ...B } fragment B on Query { ...A }"
    assert code(query) == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize("opening", ["{ nested ", "{ hello(name: [", "{ hello(name: {a: "])
def test_absurd_nesting_is_refused_without_a_crash(opening: Any) -> None:
    assert code(opening * 900) in ("TOO_MANY_TOKENS", "QUERY_TOO_DEEP", "GRAPHQL_PARSE_FAILED")


def test_the_dearest_document_within_the_limits_is_given_up_in_time() -> None:
    query = "{ nested { " + "hello " * 1_990 + "} }"
    began = time.thread_time()
    assert code(query) == "TOO_MANY_FIELDS"
    assert time.thread_time() - began < 1.5


def test_errors_are_capped() -> None:
    with pytest.raises(RequestError) as refusal:
        documents(graphql_max_root_fields=100).document("{ " + " ".join(f"f{n}" for n in range(60)) + " }")
    assert len(refusal.value.errors) == 21


def test_suggestions_are_hidden_with_introspection() -> None:
    def words(**settings: object) -> str:
        with pytest.raises(RequestError) as refusal:
            documents(**settings).document("{ helo }")
        return str(refusal.value)

    assert "Did you mean" in words()
    assert "Did you mean" not in words(graphql_introspection=False)
    assert code("{ __schema { __typename } }", graphql_introspection=False) == "GRAPHQL_VALIDATION_FAILED"


def test_valid_document_is_parsed_once_and_an_invalid_one_is_never_kept() -> None:
    found = documents()
    assert found.document("{ hello }") is found.document("{ hello }")
    for _ in range(2):
        with pytest.raises(RequestError):
            found.document("{ nothing }")


def test_cache_forgets_the_oldest_beyond_its_size() -> None:
    found = documents()
    first = found.document("{ hello }")
    padding = "#" * 19_000
    for number in range(CACHED_CHARACTERS // 19_000 + 1):
        found.document(f"{padding}\n{{ a{number}: hello }}")
    assert found.document("{ hello }") is not first
    assert found._characters <= CACHED_CHARACTERS


def test_operation_is_chosen_by_name() -> None:
    query = "query A { hello } mutation B { slow }"
    chosen = documents().operation(Params(query, "B", None, None))
    assert (chosen.name, chosen.kind.value) == ("B", "mutation")
