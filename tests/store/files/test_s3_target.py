"""Publishing into an S3-compatible bucket with the real client against a peer that checks signatures."""

import asyncio
import dataclasses
import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from store.files.containers import MediaType
from store.files.s3 import S3Settings, S3Target
from store.files.targets import KeyTaken, Published, Target, TargetError
from tests.peers.pictures import picture
from tests.peers.s3 import BUCKET, KEY_ID, REGION, SECRET, S3Peer
from tests.peers.serving import Served, serving

pytestmark = pytest.mark.asyncio
KEY = "image_gen/u1/flux-2-pro_j1_1"
DATA = picture(40, 40)


@pytest.fixture
def peer() -> S3Peer:
    return S3Peer(time.time)


@pytest.fixture
def served(peer: S3Peer) -> Iterator[Served]:
    with serving(peer.app) as served:
        yield served


def _target(served: Served, **changes: Any) -> S3Target:
    facts: dict[str, Any] = {
        "s3_bucket": BUCKET,
        "s3_endpoint": served.url,
        "s3_region": REGION,
        "s3_access_key_id": KEY_ID,
        "s3_secret_access_key": SECRET,
        "s3_allow_http": True,
        "s3_seconds": 5.0,
        **changes,
    }
    return S3Target(S3Settings(**facts))


async def test_picture_is_published_whole_and_verified(served: Served, peer: S3Peer) -> None:
    target: Target = _target(served)
    published = await target.upload(KEY, DATA, MediaType.PNG)
    assert published == Published(
        key=KEY,
        handle=f"{KEY}.png",
        url=f"{served.url}/{BUCKET}/{KEY}.png",
        etag=hashlib.md5(DATA).hexdigest(),
        size=len(DATA),
        sha256=hashlib.sha256(DATA).hexdigest(),
    )
    data, _, headers = peer.objects[f"{KEY}.png"]
    assert data == DATA
    assert headers == {"content-type": "image/png", "cache-control": "public, max-age=31536000, immutable"}
    assert await target.verify(published)


async def test_same_bytes_again_change_nothing(served: Served, peer: S3Peer) -> None:
    target = _target(served)
    first = await target.upload(KEY, DATA, MediaType.PNG)
    assert await target.upload(KEY, DATA, MediaType.PNG) == first
    assert peer.writes == [f"{KEY}.png"]


async def test_other_bytes_under_the_key_are_refused_and_left(served: Served, peer: S3Peer) -> None:
    target = _target(served)
    await target.upload(KEY, DATA, MediaType.PNG)
    with pytest.raises(KeyTaken):
        await target.upload(KEY, picture(41, 40), MediaType.PNG)
    assert peer.objects[f"{KEY}.png"][0] == DATA


async def test_two_at_once_publish_one_object(served: Served, peer: S3Peer) -> None:
    target = _target(served)
    results = await asyncio.gather(*(target.upload(KEY, DATA, MediaType.PNG) for _ in range(8)))
    assert len(set(results)) == 1
    assert peer.writes == [f"{KEY}.png"]


async def test_large_object_goes_up_in_parts_and_is_read_back(served: Served, peer: S3Peer) -> None:
    target = _target(served)
    large = DATA + bytes(11 * 1024 * 1024)
    published = await target.upload(KEY, large, MediaType.PNG)
    assert published.etag.endswith("-3")
    assert peer.objects[f"{KEY}.png"][0] == large
    assert await target.verify(published)
    assert await target.upload(KEY, large, MediaType.PNG) == published


async def test_changed_or_missing_object_does_not_verify(served: Served, peer: S3Peer) -> None:
    target = _target(served)
    published = await target.upload(KEY, DATA, MediaType.PNG)
    peer.objects[f"{KEY}.png"] = (DATA, "0" * 32, {})
    assert not await target.verify(published)
    peer.objects.clear()
    assert not await target.verify(published)


async def test_unpublished_object_is_gone_and_again_changes_nothing(served: Served, peer: S3Peer) -> None:
    target = _target(served)
    published = await target.upload(KEY, DATA, MediaType.PNG)
    assert await target.unpublish(published)
    assert peer.objects == {}
    assert not await target.unpublish(published)


async def test_presigned_address_serves_a_private_object_until_it_expires(
    served: Served, peer: S3Peer
) -> None:
    target = _target(served)
    published = await target.upload(KEY, DATA, MediaType.PNG)
    async with httpx2.AsyncClient(trust_env=False) as client:
        assert (await client.get(published.url)).status_code == 403
        address = await target.presigned(published, 60)
        assert (await client.get(address)).content == DATA
        assert (await client.get(address.replace("X-Amz-Expires=60", "X-Amz-Expires=600"))).status_code == 403
        peer.now = lambda: time.time() + 61
        assert (await client.get(address)).status_code == 403


async def test_prefix_and_public_address_are_used(served: Served, peer: S3Peer) -> None:
    target = _target(served, s3_prefix="/site/", s3_public_url="https://cdn.example.com/")
    published = await target.upload(KEY, DATA, MediaType.WEBP)
    assert published.url == f"https://cdn.example.com/site/{KEY}.webp"
    assert list(peer.objects) == [f"site/{KEY}.webp"]
    assert await target.verify(published)


async def test_wrong_secret_is_refused_for_good_and_never_told(served: Served, peer: S3Peer) -> None:
    target = _target(served, s3_secret_access_key="wrong-secret")
    with pytest.raises(TargetError) as caught:
        await target.upload(KEY, DATA, MediaType.PNG)
    assert not caught.value.retryable
    assert "wrong-secret" not in str(caught.value)
    assert peer.objects == {}


async def test_missing_bucket_is_refused_for_good(served: Served) -> None:
    with pytest.raises(TargetError, match="no bucket nothing") as caught:
        await _target(served, s3_bucket="nothing").upload(KEY, DATA, MediaType.PNG)
    assert not caught.value.retryable


async def test_passing_faults_are_outlived_and_lasting_ones_retryable(served: Served, peer: S3Peer) -> None:
    target = _target(served)
    served.faults.add("answer", method="HEAD", status=503)
    served.faults.add("cut", method="HEAD")
    await target.upload(KEY, DATA, MediaType.PNG)
    served.faults.add("answer", times=50, status=503)
    with pytest.raises(TargetError) as caught:
        await target.upload("image_gen/u1/other", DATA, MediaType.PNG)
    assert caught.value.retryable
    assert peer.writes == [f"{KEY}.png"]


async def test_lost_answer_of_a_write_is_no_second_object(served: Served, peer: S3Peer) -> None:
    target = _target(served)
    served.faults.add("lost", method="PUT")
    published = await target.upload(KEY, DATA, MediaType.PNG)
    assert await target.verify(published)
    assert len(peer.objects) == 1


@pytest.mark.parametrize("key", ["", "/a", "a//b", "../a", "a b", "ä"])
async def test_what_is_no_key_is_refused_before_any_request(served: Served, key: str) -> None:
    with pytest.raises(ValueError, match="can be published as"):
        await _target(served).upload(key, DATA, MediaType.PNG)
    assert served.faults.requests == []


async def test_without_a_bucket_there_is_no_target() -> None:
    with pytest.raises(ValueError, match="S3_BUCKET is not set"):
        S3Target(S3Settings())
    assert "hidden" not in repr(dataclasses.replace(S3Settings(), s3_secret_access_key="hidden"))


async def test_clients_are_imported_on_first_use_only() -> None:
    code = (
        "import sys, store.files.s3, store.files.cloudinary as c; "
        "c.CloudinaryTarget(c.CloudinarySettings(cloudinary_url='cloudinary://a:b@c')); "
        "assert not {'obstore', 'cloudinary', 'urllib3'} & set(sys.modules)"
    )
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=True, timeout=60)
