"""A post as a state machine: whatever people, workers and crashes do in whatever order, the rows follow the rules.

The model below is written from the issue's rules, not from the code. Hypothesis runs both side by side: people
through the GraphQL schema, workers through the chore and the queue, on a real database and a real public folder.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, text

from executor.articles import Articles
from executor.publishing import Publishing
from generators.events import Failed, TextMade
from schema import schema
from schema.ids import global_id
from store import posts, queue
from store.database.sessions import Database
from store.database.tables import File, Variant, VariantStatus
from store.queue import Claim, Failure, Request, RetryPolicy
from tests.client import Api, key
from tests.domain.test_base_image_machine import do
from tests.operations import steps
from tests.operations.posts import APPROVE_POST, POST
from tests.operations.test_upload_base_image import picture
from tests.operations.test_write_article import REGENERATE, WRITE
from tests.operations.writers import WRITER, writing

T = TypeVar("T")
REJECT = "mutation ($input: RejectVariantInput!) { rejectVariant(input: $input) { userErrors { code } } }"
CANCEL = "mutation ($input: CancelJobInput!) { cancelJob(input: $input) { userErrors { code } } }"
PUBLICATIONS = "{ jobs(filter: {kind: PUBLICATION, status: [QUEUED, RUNNING]}) { nodes { id post { id } } } }"
MOST = 4  # candidates; with more of them the interesting orders get rare
CHOOSABLE = {"DRAFT", "APPROVED", "PUBLISHED"}


class KilledError(Exception):
    """The process is gone."""


@dataclasses.dataclass
class Server:
    """The application, on an event loop that lives as long as the test."""

    runner: asyncio.Runner
    api: Api
    file: File
    topics: Any = dataclasses.field(default_factory=itertools.count)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)


class PostMachine(RuleBasedStateMachine):
    """One article, its candidates by number from 0, and what happens to them."""

    server: Server

    @initialize()
    def begin(self) -> None:
        self.server.wait(self._forget_earlier_examples())
        self.topic = f"topic {next(self.server.topics)}"
        self.status = "WRITING"
        self.has_text = False
        self.candidates: list[str] = ["GATED"]
        self.featured: int | None = None
        self.publishing: int | None = None
        self.uploaded: set[int] = set()
        self.post = ""
        assert self._write() is None

    @rule()
    @precondition(lambda self: self.status == "WRITING")
    def write_text(self) -> None:
        self.server.wait(self._end_text(written=True))
        self.has_text = True
        self.candidates = ["QUEUED" if one == "GATED" else one for one in self.candidates]
        choosable = any(one in {"DRAFT", "APPROVED"} for one in self.candidates)
        self.status = "AWAITING_APPROVAL" if choosable else "AWAITING_IMAGE"

    @rule()
    @precondition(lambda self: self.status == "WRITING")
    def lose_text(self) -> None:
        self.server.wait(self._end_text(written=False))
        self.candidates = ["FAILED" if one == "GATED" else one for one in self.candidates]
        self.status = "DRAFT"

    @rule()
    @precondition(lambda self: len(self.candidates) < MOST)
    def ask_again(self) -> None:
        assert self._write() is None
        if self.has_text or self.status != "DRAFT":
            self.candidates.append("QUEUED")
        else:
            self.candidates.append("GATED")
            self.status = "WRITING"

    @rule()
    @precondition(lambda self: len(self.candidates) < MOST)
    def regenerate(self) -> None:
        given = {"postId": self.post, "prompt": "a loaf", "count": 1, **steps.QUICK}
        assert self._do(REGENERATE, **given) is None
        self.candidates.append("QUEUED")
        if self.status == "DRAFT":
            self.status = "AWAITING_IMAGE"

    @rule(pick=st.randoms(use_true_random=False))
    @precondition(lambda self: "QUEUED" in self.candidates)
    def draw(self, pick: Any) -> None:
        number = pick.choice([at for at, one in enumerate(self.candidates) if one == "QUEUED"])
        self.server.wait(self._draw(number))
        self.candidates[number] = "DRAFT"
        if self.status in {"DRAFT", "AWAITING_IMAGE"}:
            self.status = "AWAITING_APPROVAL"

    @rule(data=st.data())
    def reject(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(range(len(self.candidates))))
        code = self._do(REJECT, variantId=self._id(number))
        fine = self.candidates[number] in {"DRAFT", "APPROVED", "REJECTED"}
        assert code == (None if fine else "INVALID_STATE")
        if fine:
            self.candidates[number] = "REJECTED"

    @rule(data=st.data())
    def approve(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(range(len(self.candidates))))
        code = self._do(APPROVE_POST, postId=self.post, variantId=self._id(number))
        if self.publishing is not None:
            assert code == (None if number == self.publishing else "INVALID_STATE")
            return
        if self.candidates[number] not in CHOOSABLE or self.status == "WRITING":
            assert code == "INVALID_STATE"
            return
        assert code is None
        if number == self.featured and self.status == "PUBLISHED":
            return  # it is done
        if self.candidates[number] == "DRAFT":
            self.candidates[number] = "APPROVED"
        self.status, self.publishing = "PUBLISHING", number

    @rule(die_after=st.sampled_from([None, None, 0, 1, 2]))
    @precondition(lambda self: self.publishing is not None)
    def publish(self, die_after: int | None) -> None:
        number = self.publishing
        assert number is not None
        self.server.wait(self._publish(die_after))
        if self.candidates[number] == "REJECTED":
            if (
                die_after is None
                or (number in self.uploaded and die_after > 1)
                or number not in self.uploaded
            ):
                self.uploaded.discard(number)
                self._lost()
            elif die_after == 1:
                self.uploaded.discard(number)
            return
        writes = 1 if number in self.uploaded else 2
        if die_after is not None and die_after < writes:
            self.uploaded |= {number} if die_after == 1 else set()
            return
        self.uploaded.add(number)
        self.candidates[number] = "PUBLISHED"
        self.status, self.featured, self.publishing = "PUBLISHED", number, None

    @rule()
    @precondition(lambda self: self.publishing is not None)
    def cancel(self) -> None:
        self.server.wait(self._cancel())
        self._lost()

    @invariant()
    def rows_follow_the_model(self) -> None:
        if not getattr(self, "post", ""):
            return
        found = self.server.wait(self._found())
        rows = self.server.wait(self._rows())
        assert found["status"] == self.status
        assert [row.status.value for row in rows] == [
            "QUEUED" if one == "GATED" else one for one in self.candidates
        ]
        featured = None if self.featured is None else self._id(self.featured)
        assert (found["featuredImage"] and found["featuredImage"]["id"]) == featured
        assert (found["featuredImageUrl"] is None) is (self.featured is None)
        assert bool(found["content"]) is self.has_text

    def _lost(self) -> None:
        self.publishing = None
        self.status = "AWAITING_APPROVAL" if self.featured is None else "PUBLISHED"

    def _write(self) -> str | None:
        payload = self.server.wait(self._asked())
        if payload["post"] is not None:
            self.post = payload["post"]["id"]
        return payload["userErrors"][0]["code"] if payload["userErrors"] else None

    def _do(self, document: str, **given: Any) -> str | None:
        return self.server.wait(do(self.server.api, document, **given))

    def _id(self, number: int) -> str:
        return str(global_id(self.server.wait(self._rows())[number]))

    async def _asked(self) -> Any:
        given = {"topic": self.topic, "imageCount": 1, **steps.QUICK}
        result = await schema.execute(WRITE, {"input": given}, context_value=self.server.api.context())
        assert result.errors is None, result.errors
        assert result.data is not None
        return result.data["writeArticle"]

    async def _forget_earlier_examples(self) -> None:
        async with self.server.api.shop.db.begin() as session:
            for table, state in (("tasks", "state"), ("jobs", "status")):
                await session.execute(
                    text(f"UPDATE {table} SET {state} = 'CANCELED' WHERE {state} IN ('QUEUED', 'RUNNING')")
                )

    async def _found(self) -> Any:
        result = await schema.execute(POST, {"id": self.post}, context_value=self.server.api.context())
        assert result.errors is None, result.errors
        assert result.data is not None
        return result.data["node"]

    async def _rows(self) -> list[Variant]:
        async with self.server.api.shop.db.session() as session:
            rows = select(Variant).where(Variant.post_id == key(self.post)).order_by(Variant.id)
            return list((await session.scalars(rows)).all())

    async def _claimed(self, lane: str) -> list[Claim]:
        async with self.server.api.shop.db.begin() as session:
            claims = await queue.claim(session, Request(lane=lane, worker="test", room=50))
        for one in claims:
            async with self.server.api.shop.db.begin() as session:
                await queue.begin(session, one)
        return claims

    async def _end_text(self, *, written: bool) -> None:
        """What the executor commits when a text is finished, or failed for good."""
        [claim] = await self._claimed("text")
        async with self.server.api.shop.db.begin() as session:
            held = await queue.hold(session, claim)
            assert held.job is not None
            if written:
                parts = {"title": f"Title of {self.topic}", "content": "Words.", "imagePrompt": "a loaf"}
                held.job.text = json.dumps({**parts, "excerpt": "", "imageQuery": "loaf"})
                end = Articles(self.server.api.shop.models).end
                await end(session, held, TextMade(model=WRITER))
            else:
                await queue.fail_for_good(session, held, Failure(code="INTERNAL", message="lost"))

    async def _draw(self, number: int) -> None:
        """What the executor commits when one picture is done."""
        row = (await self._rows())[number]
        async with self.server.api.shop.db.begin() as session:
            variant = await session.get_one(Variant, row.id, with_for_update=True)
            variant.status, variant.file_id = VariantStatus.DRAFT, self.server.file.id
            variant.finished_at = row.created_at
            await posts.drawn(session, key(self.post))

    async def _publish(self, die_after: int | None) -> None:
        """A worker takes every publication that waits; it dies after so many of its writes to the newest one."""
        api = self.server.api
        chore = Publishing(api.shop.db, api.shop.vault, api.places)
        claims = sorted(await self._claimed("io"), key=lambda one: one.task_id)
        for claim in claims:
            newest = claim is claims[-1]
            await self._run(chore, claim, die_after if newest else None)
        async with api.shop.db.session() as session:
            orphans = await queue.running(session)
        for orphan in orphans:
            async with api.shop.db.begin() as session:
                await queue.take_back(session, orphan)

    async def _run(self, chore: Publishing, claim: Claim, die_after: int | None) -> None:
        db, left = self.server.api.shop.db, die_after

        async def fenced(write: Any) -> None:
            nonlocal left
            if left == 0:
                raise KilledError
            async with db.begin() as session:
                await write(session, await queue.hold(session, claim))
            if left is not None:
                left -= 1

        try:
            ending = await chore.do(claim, fenced)
        except KilledError:
            return
        if left == 0:
            return
        async with db.begin() as session:
            held = await queue.hold(session, claim)
            if isinstance(ending, Failed):
                failure = Failure(code=ending.kind.value, message=ending.words, retryable=ending.retryable)
                await queue.fail(session, held, failure, RetryPolicy(max_tries=1, noise=0.0))
            else:
                await ending(session, held)
                await queue.finish(session, held)

    async def _cancel(self) -> None:
        api = self.server.api
        result = await schema.execute(PUBLICATIONS, context_value=api.context())
        assert result.data is not None
        mine = [one for one in result.data["jobs"]["nodes"] if (one["post"] or {}).get("id") == self.post]
        newest = max(mine, key=lambda one: key(one["id"]))
        assert await do(api, CANCEL, jobId=newest["id"]) is None


async def opened(stack: contextlib.AsyncExitStack, url: str, folder: Path) -> tuple[Api, File]:
    """The application, and one uploaded file that stands for every picture."""
    db = Database(url)
    stack.push_async_callback(db.close)
    api, _ = await stack.enter_async_context(writing(db, folder))
    await api.upload("me.png", picture())
    async with db.session() as session:
        return api, (await session.scalars(select(File))).one()


def run_machine(url: str, folder: Path, *, examples: int, length: int) -> None:
    """Let Hypothesis look for an order of events after which rows and model differ."""
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        try:
            api, file = runner.run(opened(stack, url, folder))
            PostMachine.server = Server(runner, api, file)
            run_state_machine_as_test(
                PostMachine,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=length,
                    deadline=None,
                    derandomize=True,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(stack.aclose())


def test_rows_follow_the_rules_in_any_order(database_url: str, tmp_path: Path) -> None:
    run_machine(database_url, tmp_path, examples=8, length=16)
