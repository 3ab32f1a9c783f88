"""resolvers.decisions: from every status, what approving and rejecting one picture do. The table is the rule."""

import pytest
from sqlalchemy.sql.functions import FunctionElement

from resolvers import decisions
from resolvers.refused import Refused, UserErrorCode
from store.database.tables import Variant, VariantPurpose, VariantStatus

S = VariantStatus
APPROVED = {S.DRAFT: S.APPROVED, S.APPROVED: S.APPROVED}
REJECTED = {S.DRAFT: S.REJECTED, S.APPROVED: S.REJECTED, S.REJECTED: S.REJECTED}


def variant(status: VariantStatus, purpose: VariantPurpose = VariantPurpose.SCENE) -> Variant:
    return Variant(status=status, purpose=purpose, rejection_reason="before")


@pytest.mark.parametrize("status", list(S))
def test_approving_follows_the_table(status: VariantStatus) -> None:
    row = variant(status)
    if status not in APPROVED:
        with pytest.raises(Refused) as refusal:
            decisions.approve(row)
        assert refusal.value.reason is UserErrorCode.INVALID_STATE
        assert (row.status, row.approved_at) == (status, None)
        return
    assert decisions.approve(row) is (status is not S.APPROVED)
    assert row.status is APPROVED[status]
    assert isinstance(row.approved_at, FunctionElement) is (status is not S.APPROVED)


@pytest.mark.parametrize("status", list(S))
def test_rejecting_follows_the_table(status: VariantStatus) -> None:
    row = variant(status)
    if status not in REJECTED:
        with pytest.raises(Refused) as refusal:
            decisions.reject(row, "now")
        assert refusal.value.reason is UserErrorCode.INVALID_STATE
        assert (row.status, row.rejection_reason) == (status, "before")
        return
    assert decisions.reject(row, "now") is (status is not S.REJECTED)
    assert row.status is REJECTED[status]
    assert row.rejection_reason == ("before" if status is S.REJECTED else "now")


@pytest.mark.parametrize("status", list(S))
def test_base_images_are_never_decided_on_here(status: VariantStatus) -> None:
    row = variant(status, VariantPurpose.BASE_IMAGE)
    for decide in (decisions.approve, lambda each: decisions.reject(each, None)):
        with pytest.raises(Refused) as refusal:
            decide(row)
        assert refusal.value.reason is UserErrorCode.NOT_SUPPORTED
    assert row.status is status
