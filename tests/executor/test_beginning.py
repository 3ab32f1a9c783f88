"""What a run does at once: our own device begins while the rows learn of it, a finished picture is looked at unpacked."""

import asyncio
import dataclasses
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from typing_extensions import override

from executor import runner
from generators.catalog import Model, Provider
from generators.events import Drawn, Event, ImageFacts, ImageMade, Report, Stepped
from generators.generator import Known, Live
from generators.scripted import MODEL, ScriptedGenerator, ScriptedSettings
from generators.spec import ImageSpec, Spec
from store.database.sessions import Database
from store.database.tables import File, JobStatus, VariantStatus
from store.files.quick_looks import Renditions
from store.queue import Claim, Held, LeaseLostError, begin
from tests.executor import workshop as at
from tests.patience import PATIENCE

pytestmark = pytest.mark.asyncio


class Diary(ScriptedGenerator):
    """Writes down when it begins and ends; may be somebody else's."""

    def __init__(self, provider: Provider = Provider.LOCAL) -> None:
        super().__init__(ScriptedSettings(scripted_generator=True, scripted_step_seconds=0.0))
        self.provider = provider
        self.events: list[str] = []
        self.began = asyncio.Event()
        self.told = asyncio.Event()
        self.ended = asyncio.Event()

    @override
    def models(self) -> tuple[Model, ...]:
        return (dataclasses.replace(MODEL, provider=self.provider),)

    @override
    async def run(self, spec: Spec, known: Known, live: Live) -> AsyncIterator[Event]:
        self.events.append("generator begins")
        self.began.set()
        try:
            async for event in super().run(spec, known, Ear(live, self.told)):
                yield event
        finally:
            self.ended.set()


class Ear:
    """Passes reports on; `told` once there was one of the second step."""

    def __init__(self, live: Live, told: asyncio.Event) -> None:
        self._live = live
        self._told = told

    def report(self, event: Report) -> None:
        self._live.report(event)
        if isinstance(event, Stepped) and event.step == 2:
            self._told.set()

    def preview_wanted(self) -> bool:
        return self._live.preview_wanted()

    def sharp_wanted(self) -> bool:
        return self._live.sharp_wanted()


def noting(monkeypatch: pytest.MonkeyPatch, diary: Diary, *, waits: bool, lost: bool = False) -> None:
    """The rows say that it runs only when the generator has begun (`waits`), or the lease is `lost` then."""

    async def noted(session: AsyncSession, claim: Claim) -> Held:
        if waits:
            async with asyncio.timeout(PATIENCE):
                await diary.began.wait()
        diary.events.append("rows say so")
        if lost:
            raise LeaseLostError("taken over")
        return await begin(session, claim)

    monkeypatch.setattr(runner, "begin", noted)


async def test_our_own_device_begins_before_the_rows_say_so(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary = Diary()
    noting(monkeypatch, diary, waits=True)
    shop = at.build(db, tmp_path, diary)
    job_id = await at.add_job(db, at.Order(owner_id=await at.add_user(db)))
    async with at.started(shop):
        job = await at.ended(shop, job_id)
    assert diary.events == ["generator begins", "rows say so"]
    assert job.status is JobStatus.SUCCEEDED
    assert job.started_at is not None


async def test_what_is_told_early_is_shown_once_the_rows_say_so(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary = Diary()
    shop = at.build(db, tmp_path, diary)
    early: list[Stepped | None] = []

    async def noted(session: AsyncSession, claim: Claim) -> Held:
        async with asyncio.timeout(PATIENCE):
            await diary.told.wait()
        standing = shop.board.standing(claim.task_id, claim.fence)
        early.append(standing.step if standing is not None else None)
        return await begin(session, claim)

    monkeypatch.setattr(runner, "begin", noted)
    job_id = await at.add_job(db, at.Order(owner_id=await at.add_user(db), prompt="[hold_at=3]"))
    async with at.started(shop):
        state = await at.seen(shop, job_id, lambda state: state.variants[0].step == 2)
    assert early == [None]
    assert state.variants[0].variant.status is VariantStatus.RUNNING


async def test_a_provider_is_asked_for_nothing_before_the_rows_say_so(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary = Diary(Provider.REPLICATE)
    noting(monkeypatch, diary, waits=False)
    shop = at.build(db, tmp_path, diary)
    job_id = await at.add_job(db, at.Order(owner_id=await at.add_user(db), lane="replicate"))
    async with at.started(shop):
        await at.ended(shop, job_id)
    assert diary.events == ["rows say so", "generator begins"]


async def test_what_began_early_is_stopped_when_the_lease_is_lost(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary = Diary()
    noting(monkeypatch, diary, waits=True, lost=True)
    shop = at.build(db, tmp_path, diary, lease_seconds=60.0)
    job_id = await at.add_job(db, at.Order(owner_id=await at.add_user(db), prompt="[hang]"))
    async with at.started(shop):
        async with asyncio.timeout(PATIENCE):
            await diary.ended.wait()
    (variant,) = await at.variants_of(db, job_id)
    assert (variant.status, variant.file_id) == (VariantStatus.QUEUED, None)


class Shows(ScriptedGenerator):
    """Shows its picture, and packs it only when somebody has looked."""

    def __init__(self, shown: tuple[int, int], looked: asyncio.Event) -> None:
        super().__init__(ScriptedSettings(scripted_generator=True))
        self._shown = shown
        self._looked = looked

    @override
    async def run(self, spec: Spec, known: Known, live: Live) -> AsyncIterator[Event]:
        assert isinstance(spec, ImageSpec)
        width, height = self._shown
        live.report(Drawn(data=png("red", self._shown), media_type="image/png", width=width, height=height))
        async with asyncio.timeout(PATIENCE):
            await self._looked.wait()
        facts = ImageFacts(model=spec.model, width=64, height=64)
        yield ImageMade(data=png("blue", (64, 64)), media_type="image/png", facts=facts)


def png(colour: str, size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, format="PNG")
    return file.getvalue()


async def placeholder_of_the_picture(db: Database, tmp_path: Path, shown: tuple[int, int]) -> tuple[str, int]:
    """(the placeholder kept, how many files were looked at)."""
    looked = asyncio.Event()
    files: list[bytes] = []

    async def look(data: bytes) -> Renditions:
        files.append(data)
        looked.set()
        return await at.quick_looks(data)

    shop = at.build(db, tmp_path, Shows(shown, looked), render=look)
    job_id = await at.add_job(db, at.Order(owner_id=await at.add_user(db)))
    async with at.started(shop):
        assert (await at.ended(shop, job_id)).status is JobStatus.SUCCEEDED
    async with db.session() as session:
        kept = (await session.scalars(select(File))).one()
    return kept.placeholder, len(files)


async def test_a_picture_shown_before_it_is_packed_is_looked_at_meanwhile(
    db: Database, tmp_path: Path
) -> None:
    red = (await at.quick_looks(png("red", (64, 64)))).placeholder
    assert await placeholder_of_the_picture(db, tmp_path, (64, 64)) == (red, 1)


async def test_looks_of_a_picture_of_another_size_are_not_used(db: Database, tmp_path: Path) -> None:
    blue = (await at.quick_looks(png("blue", (64, 64)))).placeholder
    assert await placeholder_of_the_picture(db, tmp_path, (32, 64)) == (blue, 2)


async def test_looks_that_nobody_waited_for_are_given_up(db: Database, tmp_path: Path) -> None:
    looked, given_up = asyncio.Event(), asyncio.Event()

    async def look(_data: bytes) -> Renditions:
        looked.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        raise AssertionError

    class Fails(Shows):
        @override
        async def run(self, spec: Spec, known: Known, live: Live) -> AsyncIterator[Event]:
            async for _ in super().run(spec, known, live):
                raise RuntimeError("the disk is full")
            yield  # type: ignore[misc]  # an async generator, although nothing comes out of it

    shop = at.build(db, tmp_path, Fails((64, 64), looked), render=look)
    job_id = await at.add_job(db, at.Order(owner_id=await at.add_user(db)))
    async with at.started(shop):
        assert (await at.ended(shop, job_id)).failure_code == "INTERNAL"
        async with asyncio.timeout(PATIENCE):
            await given_up.wait()


async def test_drawn_pictures_are_no_progress(db: Database, tmp_path: Path) -> None:
    looked = asyncio.Event()
    looked.set()
    shop = at.build(db, tmp_path, Shows((64, 64), looked))
    told: list[Any] = []
    shop.board.listen(told.extend)
    job_id = await at.add_job(db, at.Order(owner_id=await at.add_user(db)))
    async with at.started(shop):
        await at.ended(shop, job_id)
    assert told == []
