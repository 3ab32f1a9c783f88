"""Global ids."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.inputs import ApproveBaseImageInput, VariantFilter
from resolvers.refused import Refused, UserErrorCode
from schema.ids import KINDS, decode, decoded, encode
from store.database.tables import Persona


@given(st.sampled_from(sorted(KINDS)), st.uuids())
def test_ids_survive_a_round_trip(kind: str, key: uuid.UUID) -> None:
    ref = decode(encode(kind, key))
    assert ref is not None
    assert (ref.table, ref.key) == (KINDS[kind], key)


@given(st.text(max_size=200))
def test_any_text_is_an_id_of_ours_or_none(text: str) -> None:
    ref = decode(text)
    assert (
        ref is None
        or encode(next(kind for kind, table in KINDS.items() if table is ref.table), ref.key) == text
    )


def test_input_arrives_with_uuids_of_the_right_kind() -> None:
    subject, variant = uuid.uuid4(), uuid.uuid4()
    asked = ApproveBaseImageInput(
        subject_id=encode("Persona", subject),  # type: ignore[arg-type]  # as it comes over the wire
        variant_id=encode("Variant", variant),  # type: ignore[arg-type]  # as it comes over the wire
    )
    assert decoded(asked) == ApproveBaseImageInput(subject_id=subject, variant_id=variant)  # type: ignore[arg-type]  # plain UUIDs
    assert KINDS["Persona"] is Persona


@pytest.mark.parametrize(
    ("sent", "code"),
    [("x", UserErrorCode.INVALID_ID), (encode("Job", uuid.UUID(int=1)), UserErrorCode.NOT_FOUND)],
)
def test_malformed_and_wrong_ids_name_their_field(sent: str, code: UserErrorCode) -> None:
    with pytest.raises(Refused) as refusal:
        decoded(VariantFilter(subject_id=sent))  # type: ignore[arg-type]  # as it comes over the wire
    assert (refusal.value.reason, refusal.value.field) == (code, ("subjectId",))
