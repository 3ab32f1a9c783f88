"""Copies under traceable names: of base images in one folder, of other pictures in another."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.client import Api, key
from tests.operations import posts, steps
from tests.operations.test_upload_base_image import picture

pytestmark = pytest.mark.asyncio
DELETE = "mutation ($input: DeleteSubjectInput!) { deleteSubject(input: $input) { userErrors { code } } }"
NAMES = "query ($id: ID!) { node(id: $id) { ... on Persona { baseImageHistory { nodes { fileName imageHash } } } } }"


async def names(folder: Path | None) -> list[str]:
    assert folder is not None
    found = await asyncio.to_thread(
        lambda: sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    )
    return [name for name in found if not name.startswith(".")]


async def history(api: Api, subject_id: str) -> list[Any]:
    nodes: list[Any] = (await api.run(NAMES, id=subject_id)).data["node"]["baseImageHistory"]["nodes"]
    return nodes


async def test_base_images_are_copied_under_their_names_and_go_with_their_persona(api: Api) -> None:
    mira = await steps.persona(api)
    await steps.drafts(api, mira)
    payload = await api.send(steps.UPLOAD, ("me.png", picture()), subjectId=mira)
    assert payload["userErrors"] == []

    copies = api.places.copies.base_images
    persona = key(mira)
    expected = [f"persona_{persona}_local_v1.png", f"persona_{persona}_uploaded_v2.png"]
    assert await names(copies) == expected
    assert sorted(one["fileName"] for one in await history(api, mira)) == expected
    assert await names(api.places.copies.previews) == []

    await api.do(DELETE, subjectId=mira)

    assert await names(copies) == []


async def test_other_pictures_are_copied_under_their_names(api: Api) -> None:
    post = await posts.post(api)
    await posts.candidates(api, post, count=2)

    shown = sorted(one["fileName"] for one in (await posts.of(api, post))["candidates"]["nodes"])
    assert await names(api.places.copies.previews) == shown
    assert all(re.fullmatch(r"scripted_\d{8}_\d{6}_[0-9a-f-]{36}_var[12]\.png", name) for name in shown)
    assert await names(api.places.copies.base_images) == []
