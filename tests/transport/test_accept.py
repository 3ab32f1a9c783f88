"""The Accept header, case by case."""

from typing import Any

import pytest

from app.graphql.accept import Accept, Answer


@pytest.mark.parametrize(
    ("header", "single"),
    [
        (None, Answer.JSON),
        ("", Answer.JSON),
        ("*/*", Answer.JSON),
        ("APPLICATION/GRAPHQL-RESPONSE+JSON", Answer.GRAPHQL),
        ("application/graphql-response+json, application/json", Answer.GRAPHQL),
        ("application/json, application/graphql-response+json", Answer.JSON),
        ("application/json;q=0.8, application/graphql-response+json;q=0.9", Answer.GRAPHQL),
        ("*/*;q=0.1, application/json;q=0, application/graphql-response+json;q=0.05", Answer.GRAPHQL),
        ("text/html, application/xhtml+xml, */*;q=0.8", Answer.JSON),
        ("text/event-stream, application/json", Answer.EVENTS),
        ("application/json;charset=utf-8", Answer.JSON),
    ],
)
def test_single_result_takes_the_best_ranked_type(header: Any, single: Any) -> None:
    assert Accept(header).for_single_result() is single


@pytest.mark.parametrize(
    ("header", "stream"),
    [
        ("text/event-stream", Answer.EVENTS),
        ("application/json, text/event-stream;q=0.1", Answer.EVENTS),
        ("multipart/mixed;subscriptionSpec=1.0, text/event-stream", Answer.MULTIPART),
        ('multipart/mixed;boundary="-";subscriptionSpec="1.0", application/json', Answer.MULTIPART),
        ("text/event-stream, multipart/mixed;subscriptionSpec=1.0", Answer.EVENTS),
        ("multipart/mixed, text/event-stream", Answer.EVENTS),
        ("multipart/mixed;subscriptionSpec=1.0;q=0, text/event-stream;q=0.2", Answer.EVENTS),
    ],
)
def test_subscription_takes_the_best_ranked_stream(header: Any, stream: Any) -> None:
    assert Accept(header).for_subscription() is stream


@pytest.mark.parametrize(
    ("header", "page"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("*/*", False),
        (None, False),
        ("application/json, text/html", False),
        ("text/html;q=0.1, application/json;q=0.2", False),
    ],
)
def test_page_is_for_those_who_name_html_first(header: Any, page: Any) -> None:
    assert Accept(header).wants_page() is page


def test_absurd_header_is_read_in_part() -> None:
    assert Accept("text/plain," * 50_000 + "application/json").ranked((Answer.JSON,)) == []
