"""Retention: what goes, what stays, and what a dry run says."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, text

from app.commands import retention as command
from app.settings import Settings
from executor.retention import Retention
from store.database.sessions import Database
from store.database.tables import AuditEntry, File, Post, PostImage, Variant, VariantStatus
from tests import client
from tests.client import Api, key
from tests.operations import posts, steps

pytestmark = pytest.mark.asyncio
KEEP = "mutation ($input: KeepVariantInput!) { keepVariant(input: $input) { variant { keep } userErrors { code } } }"


@pytest_asyncio.fixture
async def api(db: Database, tmp_path: Path) -> AsyncIterator[Api]:
    async with client.serving(db, tmp_path) as found:
        yield found


def retention(api: Api, days: float = 7) -> Retention:
    return Retention(api.shop.db, api.shop.vault, api.places.copies, days)


async def age(api: Api, days: float = 8) -> None:
    """Let every picture have been finished so many days earlier."""
    async with api.shop.db.begin() as session:
        await session.execute(
            text("UPDATE variants SET finished_at = finished_at - make_interval(days => :days)"),
            {"days": days},
        )


async def left(api: Api) -> set[Any]:
    async with api.shop.db.session() as session:
        return set(await session.scalars(select(Variant.id)))


async def test_undecided_picture_goes_with_its_bytes_and_its_copy(api: Api) -> None:
    post = await posts.post(api)
    [candidate] = await posts.candidates(api, post)
    [shown] = (await posts.of(api, post))["candidates"]["nodes"]
    async with api.shop.db.session() as session:
        hashes = [
            name
            for row in (await session.scalars(select(File))).all()
            for name in (row.sha256, row.thumbnail_256, row.thumbnail_512)
        ]
    copies = await asyncio.to_thread(lambda: sorted((api.shop.vault._root / "previews").iterdir()))
    assert await retention(api).sweep() == 0

    assert await retention(api, days=1e-9).sweep() == 1

    assert await left(api) == set()
    assert len(hashes) == 3
    assert not any(api.shop.vault.exists(name) for name in hashes)
    assert [copy.name for copy in copies] == [shown["fileName"]]
    assert not copies[0].exists()
    async with api.shop.db.session() as session:
        entry = (await session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1))).one()
    assert (entry.actor, entry.action, entry.object_id) == ("retention", "variant.deleted", key(candidate))
    assert (await posts.of(api, post))["candidates"]["nodes"] == []
    assert (await api.run("query ($id: ID!) { node(id: $id) { id } }", id=candidate)).data == {"node": None}


async def test_what_somebody_decided_on_stays(api: Api) -> None:
    post, other = await posts.post(api), await posts.post(api)
    kept, approved, published, attached, running, due = await posts.candidates(api, post, count=6)
    await api.do(KEEP, variantId=kept)
    await posts.published(api, post, published)
    async with api.shop.db.begin() as session:
        (await session.get_one(Variant, key(approved))).status = VariantStatus.APPROVED
        session.add(
            PostImage(owner_id=api.viewer.user_id, post_id=key(other), variant_id=key(attached), position=1)
        )
    await api.do(
        "mutation ($input: PublishVariantInput!) { publishVariant(input: $input) { job { id } userErrors { code } } }",
        variantId=running,
    )
    mira = await steps.persona(api)
    [base] = await steps.drafts(api, mira)  # the work above is done meanwhile, except what is put back here
    async with api.shop.db.begin() as session:
        row = await session.get_one(Variant, key(running))
        row.status, row.cdn_url = VariantStatus.DRAFT, None
        await session.execute(
            text("UPDATE jobs SET status = 'QUEUED' WHERE kind = 'PUBLICATION' AND post_id IS NULL")
        )
    await age(api)

    assert [one.variant_id for one in await retention(api).due()] == [key(due)]
    assert await retention(api).sweep() == 1

    assert await left(api) == {key(one) for one in (kept, approved, published, attached, running, base)}
    async with api.shop.db.session() as session:
        assert (await session.get_one(Post, key(post))).featured_image_url is not None


async def test_bytes_that_another_picture_has_stay(api: Api) -> None:
    post = await posts.post(api)
    [first] = await posts.candidates(api, post, seed=7)
    await age(api)
    [second] = await posts.candidates(api, post, seed=7)

    assert await retention(api).sweep() == 1

    assert await left(api) == {key(second)}
    [shown] = (await posts.of(api, post))["candidates"]["nodes"]
    assert (await api.http.get(shown["url"])).status_code == 200
    assert first != second


async def test_zero_days_remove_nothing(api: Api) -> None:
    post = await posts.post(api)
    [candidate] = await posts.candidates(api, post)
    await age(api, days=1000)

    assert await retention(api, days=0).due() == []
    assert await retention(api, days=0).sweep() == 0
    assert await left(api) == {key(candidate)}


async def test_dry_run_lists_and_removes_nothing(
    api: Api, database_url: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    post = await posts.post(api)
    [candidate] = await posts.candidates(api, post)
    await age(api)
    settings = Settings({"database_url": database_url, "data_dir": tmp_path / "data"})
    [shown] = (await posts.of(api, post))["candidates"]["nodes"]

    status = await asyncio.to_thread(command.run, settings, argparse.Namespace(dry_run=True))

    said = capsys.readouterr().out
    assert status == 0
    assert shown["fileName"] in said
    assert "Would go: 1," in said
    assert await left(api) == {key(candidate)}
    assert await asyncio.to_thread(command.run, settings, argparse.Namespace(dry_run=False)) == 0
    assert capsys.readouterr().out.endswith("Removed: 1.\n")
    assert await left(api) == set()
