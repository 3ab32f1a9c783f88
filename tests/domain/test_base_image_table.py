"""The table of transitions: what it has, and that nothing else may happen."""

import itertools

import pytest

from store.base_image import TRANSITIONS, Move, TransitionRefused, advance, allowed
from store.database.tables import BaseImageStatus, Persona

ALL = set(itertools.product(BaseImageStatus, Move))


@pytest.mark.parametrize(("status", "move"), sorted(TRANSITIONS, key=str))
def test_move_in_the_table_is_taken(status: BaseImageStatus, move: Move) -> None:
    subject = Persona(base_image_status=status)
    advance(subject, move)
    assert subject.base_image_status is TRANSITIONS[status, move]
    assert allowed(status, move)


@pytest.mark.parametrize(("status", "move"), sorted(ALL - set(TRANSITIONS), key=str))
def test_move_that_is_not_in_the_table_is_refused(status: BaseImageStatus, move: Move) -> None:
    subject = Persona(base_image_status=status)
    with pytest.raises(
        TransitionRefused, match=f"{move.value} is not possible while the base image is {status.value}"
    ):
        advance(subject, move)
    assert subject.base_image_status is status
    assert not allowed(status, move)


def test_approved_is_left_by_unlocking_alone() -> None:
    leaving = {
        move for (status, move), to in TRANSITIONS.items() if status.value == "APPROVED" and to is not status
    }
    assert leaving == {Move.UNLOCKED}


def test_rejected_is_left_by_a_replacement_alone() -> None:
    leaving = {move for (status, move) in TRANSITIONS if status.value == "REJECTED"}
    assert leaving == {Move.DRAWN}


def test_every_status_can_be_reached() -> None:
    reached = {BaseImageStatus.PENDING_UPLOAD}
    for _ in BaseImageStatus:
        reached |= {to for (status, _), to in TRANSITIONS.items() if status in reached}
    assert reached == set(BaseImageStatus)
