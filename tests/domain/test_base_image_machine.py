"""The base image as a state machine: whatever people do in whatever order, the rows follow the issue's rules.

The model below is written from the rules, not from the code: a list of versions, a status and which version is
the base image. Hypothesis runs both side by side through the GraphQL schema on a real database.
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
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from schema import schema
from schema.ids import global_id
from store.base_image import settle
from store.database.sessions import Database
from store.database.tables import File, Variant, VariantStatus
from tests import client
from tests.client import Api, key
from tests.operations import steps
from tests.operations.test_upload_base_image import picture

T = TypeVar("T")
UPDATE = "mutation ($input: UpdatePersonaInput!) { updatePersona(input: $input) { userErrors { code } } }"


@dataclasses.dataclass
class Server:
    """The application, on an event loop that lives as long as the test."""

    runner: asyncio.Runner
    api: Api
    upload_id: str
    file: File

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)


async def do(api: Api, document: str, **given: Any) -> str | None:
    """The code of the refusal, None when it was done."""
    result = await schema.execute(document, {"input": given}, context_value=api.context())
    assert result.errors is None, result.errors
    assert result.data is not None
    [payload] = result.data.values()
    return payload["userErrors"][0]["code"] if payload["userErrors"] else None


class BaseImageMachine(RuleBasedStateMachine):
    """What people and the executor can do to one persona."""

    server: Server

    @initialize()
    def begin(self) -> None:
        self.persona = self.server.wait(steps.persona(self.server.api))
        self.status = "PENDING_UPLOAD"
        self.versions: list[str] = []  # status of version 1, 2, …
        self.base: int | None = None

    @rule(count=st.integers(1, 3), from_scratch=st.booleans())
    def generate(self, count: int, from_scratch: bool) -> None:
        given = {"subjectId": self.persona, "count": count, "fromScratch": from_scratch, **steps.QUICK}
        code = self._do(steps.GENERATE, **given)
        if self.status == "APPROVED":
            assert code == "APPEARANCE_LOCKED"
            return
        assert code is None
        held = self.base if self.status == "DRAFT" and not from_scratch else None
        assert self.server.wait(self._held_by()) == [held] * count
        self.versions += ["QUEUED"] * count

    @rule(pick=st.randoms(use_true_random=False))
    @precondition(lambda self: "QUEUED" in self.versions)
    def finish(self, pick: Any) -> None:
        waiting = [number for number, status in enumerate(self.versions, 1) if status == "QUEUED"]
        number = pick.choice(waiting)
        self.server.wait(self._finish(number))
        self._drawn(number)

    @rule()
    def upload(self) -> None:
        code = self._do(steps.UPLOAD, subjectId=self.persona, uploadId=self.server.upload_id)
        if self.status == "APPROVED":
            assert code == "APPEARANCE_LOCKED"
            return
        assert code is None
        self.versions.append("QUEUED")
        self._drawn(len(self.versions))

    @rule(data=st.data())
    def approve(self, data: st.DataObject) -> None:
        chosen = data.draw(self._choice())
        code = self._do(steps.APPROVE, subjectId=self.persona, **self._named(chosen))
        number = chosen or self.base
        if self.status == "APPROVED":
            assert code == "APPEARANCE_LOCKED"
        elif number is None:
            assert code == "NO_BASE_IMAGE"
        elif self.versions[number - 1] != "DRAFT":
            assert code == "INVALID_STATE"
        else:
            assert code is None
            self.versions[number - 1] = self.status = "APPROVED"
            self.base = number

    @rule(data=st.data())
    def reject(self, data: st.DataObject) -> None:
        chosen = data.draw(self._choice())
        code = self._do(steps.REJECT, subjectId=self.persona, **self._named(chosen))
        number = chosen or self.base
        if number is None:
            assert code == "NO_BASE_IMAGE"
        elif self.versions[number - 1] == "APPROVED":
            assert code == "APPEARANCE_LOCKED"
        elif self.versions[number - 1] != "DRAFT":
            assert code == "INVALID_STATE"
        else:
            assert code is None
            self._rejected(number)

    @rule()
    def unlock(self) -> None:
        code = self._do(steps.UNLOCK, subjectId=self.persona)
        if self.status != "APPROVED":
            assert code == "INVALID_STATE"
            return
        assert code is None
        assert self.base is not None
        self.versions[self.base - 1] = self.status = "DRAFT"

    @rule(look=st.sampled_from(["a baker", "a pilot", "a diver"]))
    def edit(self, look: str) -> None:
        before = self.server.wait(self._look())
        code = self._do(UPDATE, subjectId=self.persona, appearance=look)
        locked = self.status == "APPROVED" and look != before
        assert code == ("APPEARANCE_LOCKED" if locked else None)
        assert self.server.wait(self._look()) == (before if locked else look)

    @invariant()
    def rows_follow_the_model(self) -> None:
        if not hasattr(self, "persona"):
            return
        found = self.server.wait(steps.state(self.server.api, self.persona))
        history = [(node["versionNumber"], node["status"]) for node in found["baseImageHistory"]["nodes"]]
        assert found["baseImageStatus"] == self.status
        assert found["appearanceLocked"] is (self.status == "APPROVED")
        assert (found["baseImage"] and found["baseImage"]["versionNumber"]) == self.base
        newest_first = [(number, status) for number, status in enumerate(self.versions, 1)][::-1]
        assert history == newest_first[:20]

    def _drawn(self, number: int) -> None:
        self.versions[number - 1] = "DRAFT"
        if self.status != "APPROVED":
            self.status = "DRAFT"
            self.base = self._newest_draft()

    def _rejected(self, number: int) -> None:
        self.versions[number - 1] = "REJECTED"
        if self.status == "APPROVED":
            return
        if self._newest_draft() is None:
            self.status, self.base = "REJECTED", None
        elif self.base == number:
            self.base = self._newest_draft()

    def _newest_draft(self) -> int | None:
        drafts = [number for number, status in enumerate(self.versions, 1) if status == "DRAFT"]
        return max(drafts, default=None)

    def _choice(self) -> st.SearchStrategy[int | None]:
        """A version by its number, or None for the current one."""
        return st.none() | st.sampled_from(range(1, len(self.versions) + 1)) if self.versions else st.none()

    def _named(self, number: int | None) -> dict[str, str]:
        return {} if number is None else {"variantId": self.server.wait(self._variant_id(number))}

    def _do(self, document: str, **given: Any) -> str | None:
        return self.server.wait(do(self.server.api, document, **given))

    async def _variant_id(self, number: int) -> str:
        async with self.server.api.shop.db.session() as session:
            row = await session.scalar(self._versions().where(Variant.version_number == number))
        assert row is not None
        return str(global_id(row))

    async def _finish(self, number: int) -> None:
        """What the executor commits when a picture is done."""
        async with self.server.api.shop.db.begin() as session:
            row = (await session.scalars(self._versions().where(Variant.version_number == number))).one()
            row.status, row.file_id = VariantStatus.DRAFT, self.server.file.id
            await settle(session, key(self.persona))

    async def _held_by(self) -> list[int | None]:
        """Which version each of the newest job's variants refines."""
        async with self.server.api.shop.db.session() as session:
            rows: list[Variant] = list((await session.scalars(self._versions())).all())
        numbers = {str(row.id): row.version_number for row in rows}
        newest = [row for row in rows if row.job_id == rows[-1].job_id]
        return [numbers[row.conditioning[0]["sourceId"]] if row.conditioning else None for row in newest]

    async def _look(self) -> str:
        document = "query ($id: ID!) { node(id: $id) { ... on Persona { appearance } } }"
        result = await schema.execute(document, {"id": self.persona}, context_value=self.server.api.context())
        assert result.data is not None
        return str(result.data["node"]["appearance"])

    def _versions(self) -> Any:
        return select(Variant).where(Variant.subject_id == key(self.persona)).order_by(Variant.version_number)


async def opened(stack: contextlib.AsyncExitStack, url: str, folder: Path) -> tuple[Api, str, File]:
    """The application, and one uploaded file that stands for every picture."""
    db = Database(url)
    stack.push_async_callback(db.close)
    api = await stack.enter_async_context(client.serving(db, folder))
    upload_id = await api.upload("me.png", picture())
    async with db.session() as session:
        return api, upload_id, (await session.scalars(select(File))).one()


def run_machine(url: str, folder: Path, *, examples: int, length: int) -> None:
    """Let Hypothesis look for an order of events after which rows and model differ."""
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        try:
            api, upload_id, file = runner.run(opened(stack, url, folder))
            BaseImageMachine.server = Server(runner, api, upload_id, file)
            run_state_machine_as_test(
                BaseImageMachine,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=length,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(stack.aclose())


def test_rows_follow_the_rules_in_any_order(database_url: str, tmp_path: Path) -> None:
    run_machine(database_url, tmp_path, examples=15, length=20)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_rows_follow_the_rules_in_any_order_for_long(database_url: str, tmp_path: Path) -> None:
    run_machine(database_url, tmp_path, examples=60, length=40)
