"""query reviewQueue; mutations releaseVariant and blockVariant"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from executor.content.guard import Guard
from executor.content.rules import Rules
from resolvers.identity import ALL, Scope
from store.database.sessions import Database
from store.database.tables import AuditEntry, Role
from tests import client
from tests.client import Api, refused
from tests.operations import posts, steps
from tests.operations.steps import APPROVE

pytestmark = pytest.mark.asyncio

QUEUE = """
query ($first: Int) {
  reviewQueue(first: $first) {
    totalCount
    nodes { id status heldReason originalPrompt url thumbnailUrl owner { handle email usage { imagesToday } }
            subject { name } job { id } post { id } }
  }
}
"""
RELEASE = """
mutation ($input: ReleaseVariantInput!) {
  releaseVariant(input: $input) { variant { id status heldReason } userErrors { code message field } }
}
"""
BLOCK = """
mutation ($input: BlockVariantInput!) {
  blockVariant(input: $input) {
    variant { id status heldReason rejectionReason url } userErrors { code message field }
  }
}
"""
VARIANT = "query ($id: ID!) { node(id: $id) { ... on Variant { status heldReason rejectionReason url } } }"
RULES = '[[rule]]\nname = "weapons"\naction = "hold"\nwords = ["rifle"]\n'
REASON = "Waits for a reviewer: the content rule 'weapons' found 'rifle'."


@pytest_asyncio.fixture
async def ruled(db: Database, tmp_path: Path) -> AsyncIterator[Api]:
    """The application with a rule that holds."""
    async with client.serving(db, tmp_path, guard=Guard(Rules.parse(RULES))) as found:
        yield found


async def held(api: Api, count: int = 1, name: str = "Ash") -> tuple[str, list[str]]:
    """A character, and its pictures that wait."""
    ash = await steps.character(api, name, appearance="a guard with a rifle")
    return ash, await steps.drafts(api, ash, count=count)


async def node(api: Api, variant: str) -> Any:
    return (await api.run(VARIANT, id=variant)).data["node"]


async def waiting(api: Api) -> list[str]:
    return [each["id"] for each in (await api.run(QUEUE)).data["reviewQueue"]["nodes"]]


async def test_reviewer_sees_what_waits_and_nothing_else_of_its_owner(ruled: Api) -> None:
    eve = await ruled.another("eve")
    rae = await ruled.another("rae", role=Role.REVIEWER)
    _, [first, second] = await held(eve, count=2)
    with ruled.statements() as statements:
        queue = (await rae.run(QUEUE)).data["reviewQueue"]
    assert queue["totalCount"] == 2
    assert [each["id"] for each in queue["nodes"]] == [first, second]
    shown = queue["nodes"][0]
    assert shown.pop("url").startswith("/files/")
    assert shown.pop("thumbnailUrl").startswith("/files/")
    assert shown == {
        "id": first,
        "status": "HELD",
        "heldReason": REASON,
        "originalPrompt": "a guard with a rifle",
        "owner": {"handle": "eve", "email": None, "usage": None},
        "subject": None,
        "job": None,
        "post": None,
    }
    # the key; count and page; owners, files, and three loads that find nothing of the viewer's
    assert len(statements) == 8
    assert await node(rae, first) is None


async def test_longest_waiting_comes_first_of_all_users(ruled: Api) -> None:
    eve, bob = await ruled.another("eve"), await ruled.another("bob")
    _, [eves] = await held(eve)
    _, [bobs] = await held(bob)
    assert await waiting(ruled) == [eves, bobs]
    assert (await ruled.run(QUEUE, first=1)).data["reviewQueue"]["nodes"][0]["id"] == eves


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
async def test_others_may_not_review(ruled: Api, role: Role) -> None:
    eve = await ruled.another("eve")
    _, [variant] = await held(eve)
    other = await ruled.another("otto", role=role)
    assert (await other.run(QUEUE)).code == "FORBIDDEN"
    assert (await other.run(RELEASE, input={"variantId": variant})).code == "FORBIDDEN"
    assert (await other.run(BLOCK, input={"variantId": variant})).code == "FORBIDDEN"
    assert (await node(eve, variant))["status"] == "HELD"


async def test_key_without_the_scope_may_not_review(ruled: Api) -> None:
    rae = await ruled.another("rae", role=Role.REVIEWER, scopes=ALL - {Scope.REVIEW})
    assert (await rae.run(QUEUE)).code == "FORBIDDEN"


async def test_released_picture_becomes_the_draft_it_would_have_been(ruled: Api) -> None:
    eve = await ruled.another("eve")
    rae = await ruled.another("rae", role=Role.REVIEWER)
    ash, [variant] = await held(eve)
    assert (await steps.state(eve, ash))["baseImageStatus"] == "PENDING_UPLOAD"
    with ruled.statements() as statements:
        payload = await rae.do(RELEASE, variantId=variant)
    assert payload == {
        "variant": {"id": variant, "status": "DRAFT", "heldReason": None},
        "userErrors": [],
    }
    # key; variant, locked; its update; subject, locked; newest draft; audit; subject and its new time
    assert len(statements) == 8
    state = await steps.state(eve, ash)
    assert (state["baseImageStatus"], state["baseImage"]["id"]) == ("DRAFT", variant)
    assert (await node(eve, variant))["url"].startswith("/files/")
    assert await waiting(rae) == []


async def test_released_candidate_lets_its_post_wait_for_approval(ruled: Api) -> None:
    post = await posts.post(ruled)
    [variant] = await posts.candidates(ruled, post, prompt="a rifle")
    assert (await ruled.run(posts.POST, id=post)).data["node"]["status"] == "DRAFT"
    await ruled.do(RELEASE, variantId=variant)
    assert (await ruled.run(posts.POST, id=post)).data["node"]["status"] == "AWAITING_APPROVAL"


async def test_blocked_picture_keeps_its_reasons_and_shows_no_more(ruled: Api) -> None:
    eve = await ruled.another("eve")
    rae = await ruled.another("rae", role=Role.REVIEWER)
    ash, [variant] = await held(eve)
    payload = await rae.do(BLOCK, variantId=variant, reason="No weapons in this game.")
    assert payload["userErrors"] == []
    assert payload["variant"]["status"] == "BLOCKED"
    assert await node(eve, variant) == {
        "status": "BLOCKED",
        "heldReason": REASON,
        "rejectionReason": "No weapons in this game.",
        "url": None,
    }
    assert (await steps.state(eve, ash))["baseImageStatus"] == "PENDING_UPLOAD"
    assert await waiting(rae) == []


async def test_decisions_are_in_the_audit_logs_of_both_with_the_reviewers_name(ruled: Api) -> None:
    eve = await ruled.another("eve")
    rae = await ruled.another("rae", role=Role.REVIEWER)
    _, [first, second] = await held(eve, count=2)
    await rae.do(RELEASE, variantId=first)
    await rae.do(BLOCK, variantId=second)
    decided = AuditEntry.action.in_(["variant.released", "variant.blocked"])
    async with ruled.shop.db.session() as session:
        entries = (await session.scalars(select(AuditEntry).where(decided).order_by(AuditEntry.id))).all()
    assert [(entry.action, entry.actor, entry.owner_id) for entry in entries] == [
        (action, "rae", whose)
        for action in ("variant.released", "variant.blocked")
        for whose in (eve.viewer.user_id, rae.viewer.user_id)
    ]
    assert {entry.details["held"] for entry in entries} == {REASON}


async def test_held_picture_can_be_neither_approved_nor_attached_nor_published(ruled: Api) -> None:
    ash, [variant] = await held(ruled)
    post = await posts.post(ruled)
    for document, given in (
        (APPROVE, {"subjectId": ash, "variantId": variant}),
        (_mutation("attachImage"), {"postId": post, "variantId": variant}),
        (_mutation("publishVariant"), {"variantId": variant}),
        (_mutation("approveVariant"), {"variantId": variant}),
    ):
        assert refused(await ruled.do(document, **given))[0] in {"INVALID_STATE", "NOT_SUPPORTED"}
    assert (await node(ruled, variant))["status"] == "HELD"


async def test_only_what_is_held_can_be_decided_on(ruled: Api) -> None:
    _, [variant] = await held(ruled)
    await ruled.do(RELEASE, variantId=variant)
    for document in (RELEASE, BLOCK):
        assert refused(await ruled.do(document, variantId=variant)) == (
            "INVALID_STATE",
            "The picture is DRAFT; only a HELD one waits for a reviewer.",
            ["variantId"],
        )
    rae = await ruled.another("rae", role=Role.REVIEWER)
    assert refused(await rae.do(BLOCK, variantId=variant))[::2] == ("NOT_FOUND", ["variantId"])
    assert refused(await rae.do(BLOCK, variantId="nonsense"))[::2] == ("INVALID_ID", ["variantId"])
    assert (await node(ruled, variant))["status"] == "DRAFT"


def _mutation(name: str) -> str:
    title = name[0].upper() + name[1:]
    return f"mutation ($input: {title}Input!) {{ {name}(input: $input) {{ userErrors {{ code message field }} }} }}"
