"""What texts and numbers are held against."""

import pytest

from resolvers.checks import check, within
from resolvers.context import Some
from resolvers.ids import SubjectId
from resolvers.inputs import CreatePersonaInput, UpdatePersonaInput
from resolvers.refused import Refused, UserErrorCode
from store.database.ids import new_id

SOMEBODY = SubjectId(new_id())


def test_texts_of_the_greatest_length_pass() -> None:
    check(CreatePersonaInput(name="n" * 200, appearance="a" * 8000, idempotency_key="k" * 255))


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (CreatePersonaInput(name="n" * 201), "name"),
        (CreatePersonaInput(name="n", base_appearance_description="a" * 8001), "baseAppearanceDescription"),
        (CreatePersonaInput(name="n", idempotency_key="k" * 256), "idempotencyKey"),
        (UpdatePersonaInput(subject_id=SOMEBODY, personality=Some("p" * 8001)), "personality"),
    ],
)
def test_longer_text_names_its_field(sent: object, field: str) -> None:
    with pytest.raises(
        Refused, match=f"^{field} has [0-9,]+ characters; at most [0-9,]+ are allowed\\.$"
    ) as refusal:
        check(sent)
    assert (refusal.value.reason, refusal.value.field) == (UserErrorCode.TOO_LONG, (field,))


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "x\udfffy"])
def test_text_that_no_row_can_keep_is_refused(text: str) -> None:
    for sent in (CreatePersonaInput(name=text), UpdatePersonaInput(subject_id=SOMEBODY, name=Some(text))):
        with pytest.raises(Refused) as refusal:
            check(sent)
        assert (refusal.value.reason, refusal.value.field) == (UserErrorCode.INVALID_INPUT, ("name",))


def test_length_counts_code_points() -> None:
    check(CreatePersonaInput(name="🙂" * 200))


@pytest.mark.parametrize("value", [1, 8, 4.5])
def test_number_within_passes(value: float) -> None:
    within("count", value, 1, 8)


@pytest.mark.parametrize("value", [0, 9, -1, float("nan"), float("inf")])
def test_number_outside_names_its_range(value: float) -> None:
    with pytest.raises(Refused, match="count must be between 1 and 8; got"):
        within("count", value, 1, 8)
