"""Scalars, in and out."""

import datetime
import decimal
from typing import Any

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from schema.scalars import LARGEST, big_int, from_instant, from_money, instant, money


@given(st.integers(-LARGEST, LARGEST))
def test_big_int_takes_numbers_and_decimal_strings(value: int) -> None:
    assert big_int(value) == value
    assert big_int(str(value)) == value


@pytest.mark.parametrize(
    "value", [2**53, -(2**53), "9007199254740992", "1" * 400, "-" + "1" * 400, 1.5, "1.0", "", "-", "--1", "0x10", " 1", "\u0661", True, None, [], float("inf"), float("nan")]
)  # fmt: skip
def test_big_int_refuses_what_json_readers_would_change(value: Any) -> None:
    with pytest.raises(GraphQLError, match="BigInt cannot represent"):
        big_int(value)


def test_big_int_takes_a_whole_float() -> None:
    assert big_int(12.0) == 12


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("2026-11-20T05:00:00Z", "2026-11-20T05:00:00Z"),
        ("2026-11-20T05:00:00+02:00", "2026-11-20T03:00:00Z"),
        ("2026-11-20T05:00:00.123456+00:00", "2026-11-20T05:00:00.123456Z"),
    ],
)
def test_instants_leave_in_utc(given_text: str, shown: str) -> None:
    assert from_instant(instant(given_text)) == shown


@pytest.mark.parametrize("value", ["2026-11-20T05:00:00", "2026-11-20", "yesterday", "", 5, None, "9" * 1000])
def test_instants_without_an_offset_or_sense_are_refused(value: Any) -> None:
    with pytest.raises(GraphQLError, match="DateTime"):
        instant(value)


@given(st.datetimes(timezones=st.just(datetime.UTC)))
def test_instants_survive_a_round_trip(value: datetime.datetime) -> None:
    assert instant(from_instant(value)) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0.040000", "0.04"),
        ("12", "12"),
        ("1E+3", "1000"),
        ("100", "100"),
        ("0.000000", "0"),
        ("-1.50", "-1.5"),
    ],
)
def test_money_leaves_without_exponent_or_trailing_zeros(value: str, shown: str) -> None:
    assert from_money(decimal.Decimal(value)) == shown


@pytest.mark.parametrize("value", ["", "x", "NaN", "Infinity", True, None, [], {}])
def test_money_refuses_what_is_no_number(value: Any) -> None:
    with pytest.raises(GraphQLError, match="Decimal cannot represent"):
        money(value)


def test_money_is_exact() -> None:
    assert money("0.1") + money(0.2) == decimal.Decimal("0.3")
