"""Every fault on every target over a network, the real client against its peer: nothing double, nothing half, no key told."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from store.files.cloudinary import CloudinarySettings, CloudinaryTarget
from store.files.containers import MediaType
from store.files.s3 import S3Settings, S3Target
from store.files.targets import Target, TargetError
from tests.peers import cloudinary, s3
from tests.peers.pictures import picture
from tests.peers.serving import HTML, Served, serving

pytestmark = pytest.mark.asyncio
NAME, DATA = "image_gen/u1/flux-2-pro_j1_1", picture(40, 40)
TARGETS = ("s3", "cloudinary")
WRITES = {"s3": "PUT", "cloudinary": "POST"}
# What the client outlives by itself (S3 may be asked again without harm) or tells, to be tried again later.
CASES: Mapping[str, Mapping[str, str]] = {
    "success": {"s3": "published", "cloudinary": "published"},
    "cut before it was seen": {"s3": "published", "cloudinary": "again"},
    "done, and the answer lost": {"s3": "published", "cloudinary": "again"},
    "half the answer, then cut": {"s3": "published", "cloudinary": "again"},
    "silence": {"s3": "again", "cloudinary": "again"},
    "slow body": {"s3": "published", "cloudinary": "again"},
    "HTML instead of an answer": {"s3": "again", "cloudinary": "again"},
    "a gateway's 502 in HTML": {"s3": "published", "cloudinary": "again"},
    "429, then success": {"s3": "published", "cloudinary": "again"},
    "unreachable": {"s3": "again", "cloudinary": "again"},
    "wrong key": {"s3": "never", "cloudinary": "never"},
}
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "cut before it was seen": {"kind": "cut"},
    "done, and the answer lost": {"kind": "lost"},
    "half the answer, then cut": {"kind": "short"},
    "silence": {"kind": "hang"},
    "slow body": {"kind": "drip"},
    "HTML instead of an answer": {"kind": "answer", "status": 200, "body": HTML},
    "a gateway's 502 in HTML": {"kind": "answer", "status": 502, "body": HTML},
    "429, then success": {"kind": "answer", "status": 429, "body": b'{"error": {"message": "slow down"}}'},
}


@contextlib.contextmanager
def standing(name: str) -> Iterator[tuple[Any, Served]]:
    peer: Any = s3.S3Peer(time.time) if name == "s3" else cloudinary.CloudinaryPeer()
    with serving(peer.app) as served:
        peer.base = served.url
        yield peer, served


def target(name: str, url: str, wrong: str = "", seconds: float = 3.0) -> Target:
    if name == "cloudinary":
        account = f"{cloudinary.KEY}:{cloudinary.SECRET}{wrong}@{cloudinary.CLOUD}"
        address = f"cloudinary://{account}?upload_prefix={url}"
        return CloudinaryTarget(CloudinarySettings(cloudinary_url=address, cloudinary_seconds=seconds))
    return S3Target(
        S3Settings(
            s3_bucket=s3.BUCKET,
            s3_endpoint=url,
            s3_region=s3.REGION,
            s3_access_key_id=s3.KEY_ID,
            s3_secret_access_key=f"{s3.SECRET}{wrong}",
            s3_allow_http=True,
            s3_seconds=seconds,
        )
    )


def kept(name: str, peer: Any) -> list[bytes]:
    return [row[0] for row in peer.objects.values()] if name == "s3" else list(peer.assets.values())


async def outcome(place: Target) -> str:
    try:
        published = await place.upload(NAME, DATA, MediaType.PNG)
    except TargetError as error:
        found = "again" if error.retryable else "never"
        return found if "secret" not in str(error) else f"{found}, telling {error}"
    assert await place.verify(published)
    return "published"


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", TARGETS)
async def test_each_fault_of_a_target_has_its_outcome(
    name: str, case: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("store.files.cloudinary._GRACE", 0.2)
    seconds = 0.6 if case in ("silence", "slow body") else 3.0
    wrong = "-wrong-secret" if case == "wrong key" else ""
    with standing(name) as (peer, served), caplog.at_level(logging.DEBUG):
        url = "http://127.0.0.1:9" if case == "unreachable" else served.url
        if case in FAULTS:
            served.faults.add(method=WRITES[name], **FAULTS[case])

        assert await outcome(target(name, url, wrong, seconds)) == CASES[case][name]

        if case not in ("unreachable", "wrong key"):  # asked again later, it is there once and whole
            assert await outcome(target(name, served.url)) == "published"
            assert kept(name, peer) == [DATA]
        else:
            assert kept(name, peer) == []
    assert "wrong-secret" not in caplog.text


@pytest.mark.parametrize("name", TARGETS)
async def test_cancelled_upload_leaves_nothing_half(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with standing(name) as (peer, served):
        served.faults.add("hang", method=WRITES[name])
        task = asyncio.create_task(outcome(target(name, served.url, seconds=1.0)))
        await served.faults.arrived()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        served.faults.released.set()
        served.faults.queue.clear()
        assert await outcome(target(name, served.url)) == "published"
        assert kept(name, peer) == [DATA]


async def test_no_case_is_left_out() -> None:
    assert {case: set(row) for case, row in CASES.items()} == {case: set(TARGETS) for case in CASES}
    assert set(FAULTS) | {"success", "unreachable", "wrong key"} == set(CASES)
