"""A picture as a state machine: whatever owners and reviewers do in whatever order, it goes where the rules say.

The model is written from the rules: what is HELD waits for a reviewer and nobody else, what is BLOCKED, FAILED or
CANCELED stays so, and only a DRAFT can be chosen or become a base image. Hypothesis runs model and server side by
side through the GraphQL schema on a real database.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from schema import schema
from store.database.sessions import Database
from store.database.tables import (
    File,
    Post,
    PostStatus,
    Role,
    Subject,
    Variant,
    VariantPurpose,
    VariantStatus,
)
from store.drafts import take_in
from tests import client
from tests.client import Api, key
from tests.operations import posts, steps

T = TypeVar("T")
HELD_REASON = "Waits for a reviewer: a test says so."
FINISHED = ("DRAFT", "APPROVED", "REJECTED", "HELD", "BLOCKED")
ALLOWED: dict[tuple[str, str], str] = {
    ("releaseVariant", "HELD"): "DRAFT",
    ("blockVariant", "HELD"): "BLOCKED",
    ("approveVariant", "DRAFT"): "APPROVED",
    ("approveVariant", "APPROVED"): "APPROVED",
    ("rejectVariant", "DRAFT"): "REJECTED",
    ("rejectVariant", "APPROVED"): "REJECTED",
    ("rejectVariant", "REJECTED"): "REJECTED",
    ("attachImage", "DRAFT"): "DRAFT",
    ("attachImage", "APPROVED"): "APPROVED",
}
REVIEWING = ("releaseVariant", "blockVariant")


def mutation(name: str) -> str:
    title = name[0].upper() + name[1:]
    return f"mutation ($input: {title}Input!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}"


@dataclasses.dataclass
class Table:
    """The application, on an event loop that lives as long as the test, its owner and a reviewer."""

    runner: asyncio.Runner
    owner: Api
    reviewer: Api
    file: File

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)


class VariantMachine(RuleBasedStateMachine):
    """What can happen to the candidates of one post."""

    table: Table

    @initialize()
    def begin(self) -> None:
        self.post = self.table.wait(posts.post(self.table.owner, title=None))
        self.states: dict[str, str] = {}
        self.attached: set[str] = set()
        self.drawn = False

    @rule(count=st.integers(1, 2))
    def ask(self, count: int) -> None:
        given = {"postId": self.post, "prompt": "a lamp", "count": count, **steps.QUICK}
        payload = self.table.wait(self.table.owner.do(posts.GENERATE, **given))
        assert payload["userErrors"] == []
        self.states |= {variant["id"]: "QUEUED" for variant in payload["job"]["variants"]["nodes"]}

    @rule(pick=st.randoms(use_true_random=False), end=st.sampled_from(["DRAFT", "HELD", "FAILED"]))
    def finish(self, pick: Any, end: str) -> None:
        waiting = [variant for variant, status in self.states.items() if status == "QUEUED"]
        if waiting:
            variant = pick.choice(waiting)
            self.table.wait(self._finish(variant, VariantStatus(end)))
            self.states[variant] = end
            self.drawn = self.drawn or end == "DRAFT"

    @rule(
        pick=st.randoms(use_true_random=False),
        name=st.sampled_from(sorted({name for name, _ in ALLOWED})),
        by_reviewer=st.booleans(),
    )
    def decide(self, pick: Any, name: str, by_reviewer: bool) -> None:
        if not self.states:
            return
        variant = pick.choice(sorted(self.states))
        status = self.states[variant]
        given = {"variantId": variant} | ({"postId": self.post} if name == "attachImage" else {})
        code = self.table.wait(self._do(name, given, by_reviewer=by_reviewer))
        after = ALLOWED.get((name, status))
        if name in REVIEWING and not by_reviewer:
            assert code == "FORBIDDEN"
        elif by_reviewer and not (name in REVIEWING and status == "HELD"):
            assert code == "NOT_FOUND"
        elif after is None:
            assert code == "INVALID_STATE"
        elif name == "attachImage" and variant in self.attached:
            assert code == "CONFLICT"
        else:
            assert code is None
            self.states[variant] = after
            self.attached |= {variant} if name == "attachImage" else set()
            self.drawn = self.drawn or name == "releaseVariant"

    @invariant()
    def rows_are_as_the_model_says(self) -> None:
        if not hasattr(self, "states"):
            return
        rows = self.table.wait(self._rows())
        assert {str(variant): row.status.value for variant, row in rows.items()} == {
            str(key(variant)): status for variant, status in self.states.items()
        }
        for row in rows.values():
            assert (row.held_reason is not None) == (row.status.value in {"HELD", "BLOCKED"})
            assert (row.approved_at is not None) == (row.status.value == "APPROVED")

    @invariant()
    def queue_holds_what_is_held(self) -> None:
        if hasattr(self, "states"):
            mine = set(self.states)
            held = {variant for variant, status in self.states.items() if status == "HELD"}
            assert self.table.wait(self._queue()) & mine == held

    @invariant()
    def post_waits_for_a_decision_once_there_is_a_draft(self) -> None:
        if hasattr(self, "states"):
            status = self.table.wait(self._post_status())
            assert (status is PostStatus.AWAITING_APPROVAL) == self.drawn

    async def _do(self, name: str, given: dict[str, str], *, by_reviewer: bool) -> str | None:
        api = self.table.reviewer if by_reviewer else self.table.owner
        result = await schema.execute(mutation(name), {"input": given}, context_value=api.context())
        if result.errors is not None:
            return str((result.errors[0].extensions or {})["code"])
        assert result.data is not None
        [payload] = result.data.values()
        return payload["userErrors"][0]["code"] if payload["userErrors"] else None

    async def _finish(self, variant: str, end: VariantStatus) -> None:
        """What the executor's transaction does to the rows."""
        async with self.table.owner.shop.db.begin() as session:
            row = await session.get_one(Variant, key(variant), with_for_update=True)
            row.status = end
            if end is not VariantStatus.FAILED:
                row.file_id = self.table.file.id
            if end is VariantStatus.HELD:
                row.held_reason = HELD_REASON
            if end is VariantStatus.DRAFT:
                await take_in(session, row)

    async def _rows(self) -> dict[Any, Variant]:
        async with self.table.owner.shop.db.session() as session:
            rows = await session.scalars(select(Variant).where(Variant.post_id == key(self.post)))
            return {row.id: row for row in rows.all()}

    async def _queue(self) -> set[str]:
        """All pages: what earlier runs of the machine left held waits there too."""
        document = "query ($after: String) { reviewQueue(first: 100, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }"
        found: set[str] = set()
        page: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
        while page["hasNextPage"]:
            asked = {"after": page["endCursor"]}
            result = await schema.execute(document, asked, self.table.reviewer.context())
            assert result.data is not None
            queue = result.data["reviewQueue"]
            found |= {node["id"] for node in queue["nodes"]}
            page = queue["pageInfo"]
        return found

    async def _post_status(self) -> PostStatus:
        async with self.table.owner.shop.db.session() as session:
            return (await session.get_one(Post, key(self.post))).status


async def opened(stack: contextlib.AsyncExitStack, url: str, folder: Path) -> tuple[Api, Api, File]:
    """The application with a user, a reviewer, and a file that finished pictures have."""
    db = Database(url)
    stack.push_async_callback(db.close)
    api = await stack.enter_async_context(client.serving(db, folder))
    owner = await api.another("eve")
    mira = await steps.persona(owner)
    await steps.drafts(owner, mira)
    async with db.session() as session:
        file = (await session.scalars(select(File))).one()
        assert (await session.scalars(select(Subject.owner_id))).one() == owner.viewer.user_id
        drawn = select(Variant.purpose).where(Variant.file_id == file.id)
        assert (await session.scalars(drawn)).one() is VariantPurpose.BASE_IMAGE
    return owner, await api.another("rae", role=Role.REVIEWER), file


def run_machine(url: str, folder: Path, *, examples: int, length: int) -> None:
    """Let Hypothesis look for an order of events after which rows and model differ."""
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        try:
            VariantMachine.table = Table(runner, *runner.run(opened(stack, url, folder)))
            run_state_machine_as_test(
                VariantMachine,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=length,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(stack.aclose())


def test_pictures_follow_the_rules_in_any_order(database_url: str, tmp_path: Path) -> None:
    run_machine(database_url, tmp_path, examples=10, length=18)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_pictures_follow_the_rules_in_any_order_for_long(database_url: str, tmp_path: Path) -> None:
    run_machine(database_url, tmp_path, examples=60, length=40)
