"""The table of a post's moves, and its slugs."""

import itertools

import pytest

from store.database.sessions import Database
from store.database.tables import Post, PostStatus
from store.posts import TRANSITIONS, PostMove, PostMoveRefused, advance, allowed, free_slug, slug_of
from tests.executor import workshop

ALL = set(itertools.product(PostStatus, PostMove))


@pytest.mark.parametrize(("status", "move"), sorted(TRANSITIONS, key=str))
def test_move_in_the_table_is_taken(status: PostStatus, move: PostMove) -> None:
    post = Post(status=status)
    advance(post, move)
    assert post.status is TRANSITIONS[status, move]
    assert allowed(status, move)


@pytest.mark.parametrize(("status", "move"), sorted(ALL - set(TRANSITIONS), key=str))
def test_move_that_is_not_in_the_table_is_refused(status: PostStatus, move: PostMove) -> None:
    post = Post(status=status)
    with pytest.raises(
        PostMoveRefused, match=f"{move.value} is not possible while the post is {status.value}"
    ):
        advance(post, move)
    assert post.status is status


def test_published_is_reached_from_publishing_alone_and_left_by_another_choice_alone() -> None:
    into = {
        status for (status, _), to in TRANSITIONS.items() if to is PostStatus.PUBLISHED and status is not to
    }
    out = {
        move
        for (status, move), to in TRANSITIONS.items()
        if status is PostStatus.PUBLISHED and to is not status
    }
    assert into == {PostStatus.PUBLISHING}
    assert out == {PostMove.APPROVED}


def test_every_status_can_be_reached() -> None:
    reached = {PostStatus.DRAFT}
    for _ in PostStatus:
        reached |= {to for (status, _), to in TRANSITIONS.items() if status in reached}
    assert reached == set(PostStatus)


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        ("Why Bread Smells Good", "why-bread-smells-good"),
        ("  Größe & Müßiggang!  ", "grosse-mussiggang"),
        ("日本の朝", "ri-ben-nozhao"),
        ("a" * 300, "a" * 200),
        ("🌍", "8cba3282fe37fa60"),
    ],
)
def test_slug_is_plain_and_always_the_same(words: str, slug: str) -> None:
    assert slug_of(words) == slug


@pytest.mark.asyncio
async def test_taken_slug_is_numbered_among_ones_own_posts(db: Database) -> None:
    ada, bob = await workshop.add_user(db, "ada"), await workshop.add_user(db, "bob")
    async with db.begin() as session:
        session.add_all(
            [
                Post(owner_id=ada, slug="tea"),
                Post(owner_id=ada, slug="tea-2"),
                Post(owner_id=ada, slug="tea-time"),
                Post(owner_id=bob, slug="tea-3"),
            ]
        )

    async with db.session() as session:
        assert await free_slug(session, ada, "Tea") == "tea-3"
        assert await free_slug(session, bob, "Tea") == "tea"
