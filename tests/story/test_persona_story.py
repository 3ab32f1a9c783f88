"""Personas and their base image, told as docs/personas.md tells it, with its own operations, on the real server."""

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.generators.diffusion.test_encoders import dino, saved
from tests.generators.diffusion.test_judging import tiny_clip
from tests.running import RunningServer
from tests.story.pages import Page
from tests.story.telling import Telling, uploaded

PAGE = Page("docs/personas.md")


@pytest.fixture
def telling(database_url: str, tmp_path: pathlib.Path) -> Iterator[Telling]:
    """The server, with small models of random weights that measure."""
    running = RunningServer(
        tmp_path / "data",
        {
            "DATABASE_URL": database_url,
            "QUALITY_MODEL": str(tiny_clip(tmp_path / "clip")),
            "LIKENESS_ENCODER": str(saved(tmp_path / "dino", dino)),
        },
    )
    running.start()
    yield Telling(running, PAGE)
    running.close()


async def approved_by_hand(telling: Telling) -> None:
    """Several candidates, one rejected, one uploaded, an older one chosen; then the look is locked."""
    ada = (await telling.done("NewPersona"))["persona"]["id"]
    job = (await telling.done("DrawBaseImage", persona=ada))["job"]["id"]
    drawn = (await telling.watch("BaseImageProgress", job=job))[-1]["variants"]
    assert [one["variant"]["status"] for one in drawn] == ["DRAFT", "DRAFT"]
    first, second = (one["variant"] for one in drawn)
    assert first["seed"] != second["seed"]

    rejected = await telling.done("RejectBaseImage", persona=ada)
    assert rejected["subject"] == {"baseImageStatus": "DRAFT", "baseImage": {"id": first["id"]}}
    sent = await telling.done("UseUpload", persona=ada, upload=uploaded(telling.server))
    assert sent["variant"]["source"] == "UPLOAD"

    locked = await telling.done("ApproveBaseImage", persona=ada, variant=first["id"])
    assert locked["subject"] == {
        "baseImageStatus": "APPROVED",
        "appearanceLocked": True,
        "baseImage": {"id": first["id"], "versionNumber": 1},
    }
    refused = await telling.run("ChangeTheLook", persona=ada)
    assert [error["code"] for error in refused["userErrors"]] == ["APPEARANCE_LOCKED"]
    history = (await telling.run("History", persona=ada))["baseImageHistory"]["nodes"]
    assert [(one["versionNumber"], one["status"], one["source"]) for one in history] == [
        (3, "DRAFT", "UPLOAD"),
        (2, "REJECTED", "LOCAL"),
        (1, "APPROVED", "LOCAL"),
    ]
    assert history[1]["rejectionReason"] == "eyes too far apart"
    names = [one["fileName"].split("_", 2)[2] for one in history]
    assert names == ["uploaded_v3.png", "local_v2.png", "local_v1.png"]


async def drawn_and_judged(telling: Telling) -> dict[str, Any]:
    """Two subjects in one call; what the audit log says of each, by what there was to compare with."""
    bea, cid = [(await telling.done("NewPersona"))["persona"]["id"] for _ in range(2)]
    await telling.done("UseUpload", persona=bea, upload=uploaded(telling.server, side=96))
    jobs = (await telling.done("DrawMany", refined=bea, new=cid))["jobs"]
    assert len({job["id"] for job in jobs}) == 2
    for job in jobs:
        assert (await telling.watch("BaseImageProgress", job=job["id"]))[-1]["status"] == "SUCCEEDED"
    entries = (await telling.run("Decisions"))["nodes"]
    decisions = [entry for entry in entries if entry["actor"] == "autoApprove"]
    assert len(decisions) == 2
    return {
        "new" if entry["details"]["likeness"] is None else "refined": entry | {"subjects": (bea, cid)}
        for entry in decisions
    }


@pytest.mark.timeout(600)
@pytest.mark.asyncio
async def test_persona_is_drawn_chosen_and_locked_and_many_approve_themselves(telling: Telling) -> None:
    await approved_by_hand(telling)
    decisions = await drawn_and_judged(telling)

    new, refined = decisions["new"]["details"], decisions["refined"]["details"]
    assert (decisions["new"]["action"], new["approved"]) == ("variant.not_auto_approved", False)
    assert 0 <= new["quality"] <= 1
    assert (refined["minQuality"], refined["minLikeness"]) == (0.6, 0.8)
    assert refined["approved"] is (refined["quality"] >= 0.6 and refined["likeness"] >= 0.8)
    bea, cid = decisions["refined"]["subjects"]
    [drawn, sent] = (await telling.run("History", persona=bea))["baseImageHistory"]["nodes"]
    assert (drawn["status"], sent["status"]) == ("APPROVED" if refined["approved"] else "DRAFT", "DRAFT")
    [only] = (await telling.run("History", persona=cid))["baseImageHistory"]["nodes"]
    assert only["status"] == "DRAFT"
    assert telling.told == set(PAGE.operations)
