"""autoApprove in generateBaseImage, generateBaseImages and generateImages"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from generators.judge import Verdict
from store.database.sessions import Database
from store.database.tables import AuditEntry, WebhookDelivery, WebhookEndpoint
from tests import client
from tests.client import Api, refused
from tests.operations import steps
from tests.operations.test_generate_images import made

pytestmark = pytest.mark.asyncio
STATE = """
query ($id: ID!) { node(id: $id) { ... on Job { variants { nodes { status quality likeness approvedAt } } } } }
"""


class Scripted:
    """A judge that finds every picture as good as it is told; None = it cannot measure."""

    def __init__(self) -> None:
        self.verdict: Verdict | None = None
        self.seen: list[tuple[bytes, str]] = []

    async def judge(self, picture: bytes, prompt: str) -> Verdict | None:
        """See Judge."""
        self.seen.append((picture[:4], prompt))
        return self.verdict

    async def close(self) -> None:
        """See Judge."""


Judged = tuple[Api, Scripted]


@pytest_asyncio.fixture
async def judged(db: Database, tmp_path: Path) -> AsyncIterator[Judged]:
    """The application with a judge."""
    judge = Scripted()
    async with client.serving(db, tmp_path, judge=judge) as api:
        yield api, judge


def good(one_subject: float = 0.81) -> Verdict:
    """0.9 for a subject's picture and 1 for any other."""
    return Verdict(agreement=1.0, sharpness=0.9 if one_subject > 1 else 1.0, one_subject=one_subject)


async def ended(api: Api, job_id: str) -> list[Any]:
    async with api.working():
        await api.ended(job_id)
    found: list[Any] = (await api.run(STATE, id=job_id)).data["node"]["variants"]["nodes"]
    return found


async def log(api: Api) -> list[tuple[str, str, Any]]:
    """What the audit log says of automatic decisions."""
    async with api.shop.db.session() as session:
        rows = await session.scalars(
            select(AuditEntry).where(AuditEntry.actor == "autoApprove").order_by(AuditEntry.id)
        )
        return [(row.action, row.object_type or "", row.details) for row in rows]


async def test_good_scene_is_approved_and_its_scores_are_logged(judged: Judged) -> None:
    api, judge = judged
    judge.verdict = Verdict(agreement=0.64, sharpness=1.0, one_subject=0.0)
    job = await made(api, autoApprove={"minQuality": 0.8})
    [variant] = await ended(api, job["id"])
    assert (variant["status"], variant["quality"]) == ("APPROVED", 0.8)
    assert variant["approvedAt"] is not None
    assert judge.seen == [(b"\x89PNG", "a lighthouse at dawn.")]
    assert await log(api) == [
        (
            "variant.auto_approved",
            "Variant",
            {"approved": True, "quality": 0.8, "likeness": None, "minQuality": 0.8},
        )
    ]


async def test_without_asking_nothing_is_approved_and_quality_is_still_shown(judged: Judged) -> None:
    api, judge = judged
    judge.verdict = good()
    job = await made(api)
    [variant] = await ended(api, job["id"])
    assert (variant["status"], variant["quality"]) == ("DRAFT", 1.0)
    assert await log(api) == []


@pytest.mark.parametrize(
    ("verdict", "wanted"),
    [
        (None, {"minQuality": 0.0}),
        (good(), {"minLikeness": 0.0}),
        (good(), {"minQuality": 0.5, "minLikeness": 0.0}),
        (Verdict(agreement=0.25, sharpness=1.0, one_subject=1.0), {"minQuality": 0.51}),
    ],
)
async def test_what_is_not_measured_or_too_low_is_never_approved(
    judged: Judged, verdict: Any, wanted: Any
) -> None:
    api, judge = judged
    judge.verdict = verdict
    job = await made(api, autoApprove=wanted)
    [variant] = await ended(api, job["id"])
    assert variant["status"] == "DRAFT"
    [(action, _, details)] = await log(api)
    assert (action, details["approved"]) == ("variant.not_auto_approved", False)


async def test_first_good_candidate_becomes_the_base_image_and_locks_the_look(judged: Judged) -> None:
    api, judge = judged
    judge.verdict = Verdict(agreement=1.0, sharpness=1.0, one_subject=0.729)
    mira = await steps.persona(api)
    async with api.shop.db.begin() as session:
        endpoint = {"url": "https://example.org/hook", "secret": "whsec_x", "events": ["base_image.approved"]}
        session.add(WebhookEndpoint(owner_id=api.viewer.user_id, **endpoint))
    job = await steps.generated(api, mira, count=3, autoApprove={"minQuality": 0.9})
    variants = await ended(api, job["id"])
    async with api.shop.db.session() as session:
        [message] = (await session.scalars(select(WebhookDelivery))).all()
    assert (message.event, message.payload["name"]) == ("base_image.approved", "Mira")
    assert sorted(each["status"] for each in variants) == ["APPROVED", "DRAFT", "DRAFT"]
    assert [each["quality"] for each in variants] == pytest.approx([0.9] * 3)
    found = await steps.state(api, mira)
    assert (found["baseImageStatus"], found["appearanceLocked"]) == ("APPROVED", True)
    assert found["baseImage"]["status"] == "APPROVED"
    assert [each[0] for each in await log(api)].count("variant.auto_approved") == 1


async def test_threshold_that_says_nothing_is_refused(judged: Judged) -> None:
    api, _ = judged
    mira = await steps.persona(api)
    payload = await api.do(steps.GENERATE, subjectId=mira, autoApprove={})
    assert refused(payload)[::2] == ("INVALID_INPUT", ["autoApprove"])
