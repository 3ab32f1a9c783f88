"""Publishing to Cloudinary with the real client against a peer that checks signatures."""

import asyncio
import hashlib
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from store.files.cloudinary import CloudinarySettings, CloudinaryTarget, parsed, publication_key, thumbnail
from store.files.containers import MediaType
from store.files.targets import KeyTaken, Published, Target, TargetError
from tests.peers.cloudinary import CLOUD, KEY, SECRET, CloudinaryPeer
from tests.peers.pictures import picture
from tests.peers.serving import HTML, Served, serving

pytestmark = pytest.mark.asyncio
NAME = publication_key("u1", "flux-2-pro", "j1", 1)
DATA = picture(40, 40)


@pytest.fixture
def peer() -> CloudinaryPeer:
    return CloudinaryPeer()


@pytest.fixture
def served(peer: CloudinaryPeer) -> Iterator[Served]:
    with serving(peer.app) as served:
        peer.base = served.url
        yield served


def _target(served: Served, secret: str = SECRET, **changes: Any) -> CloudinaryTarget:
    url = f"cloudinary://{KEY}:{secret}@{CLOUD}?upload_prefix={served.url}"
    return CloudinaryTarget(CloudinarySettings(cloudinary_url=url, cloudinary_seconds=2.0, **changes))


async def test_picture_is_published_under_its_folder_and_name(served: Served, peer: CloudinaryPeer) -> None:
    target: Target = _target(served)
    published = await target.upload(NAME, DATA, MediaType.PNG)
    assert published == Published(
        key="image_gen/u1/flux-2-pro_j1_1",
        handle="image_gen/u1/flux-2-pro_j1_1",
        url=f"{served.url}/demo/image/upload/v1/image_gen/u1/flux-2-pro_j1_1.png",
        etag=hashlib.md5(DATA).hexdigest(),
        size=len(DATA),
        sha256=hashlib.sha256(DATA).hexdigest(),
    )
    assert peer.assets == {NAME: DATA}
    assert await target.verify(published)


async def test_same_bytes_again_change_nothing(served: Served, peer: CloudinaryPeer) -> None:
    target = _target(served)
    first = await target.upload(NAME, DATA, MediaType.PNG)
    results = await asyncio.gather(*(target.upload(NAME, DATA, MediaType.PNG) for _ in range(5)))
    assert set(results) == {first}
    assert peer.uploads == 1


async def test_other_bytes_under_the_name_are_refused_and_left(served: Served, peer: CloudinaryPeer) -> None:
    target = _target(served)
    await target.upload(NAME, DATA, MediaType.PNG)
    with pytest.raises(KeyTaken):
        await target.upload(NAME, picture(41, 40), MediaType.PNG)
    assert peer.assets == {NAME: DATA}


@pytest.mark.parametrize("same_size", [True, False])
async def test_what_is_served_decides_where_the_etag_is_no_md5(
    served: Served, peer: CloudinaryPeer, *, same_size: bool
) -> None:
    peer.etag_is_md5 = False
    target = _target(served)
    published = await target.upload(NAME, DATA, MediaType.PNG)
    assert await target.verify(published)
    other = bytes(reversed(DATA)) if same_size else DATA + b"0"
    with pytest.raises(KeyTaken):
        await target.upload(NAME, other, MediaType.PNG)


async def test_changed_or_missing_asset_does_not_verify(served: Served, peer: CloudinaryPeer) -> None:
    target = _target(served)
    published = await target.upload(NAME, DATA, MediaType.PNG)
    peer.assets[NAME] = picture(41, 41)
    assert not await target.verify(published)
    peer.assets.clear()
    assert not await target.verify(published)


async def test_unpublished_asset_is_gone_also_at_the_edge(served: Served, peer: CloudinaryPeer) -> None:
    target = _target(served)
    published = await target.upload(NAME, DATA, MediaType.PNG)
    assert await target.unpublish(published)
    assert peer.invalidated == [NAME]
    assert not await target.unpublish(published)


async def test_thumbnail_is_a_derived_address_without_a_call(served: Served) -> None:
    target = _target(served)
    published = await target.upload(NAME, DATA, MediaType.PNG)
    asked = len(served.faults.requests)
    address = thumbnail(published.url, 256)
    assert address == f"{served.url}/demo/image/upload/c_limit,f_auto,h_256,q_auto,w_256/v1/{NAME}.png"
    assert len(served.faults.requests) == asked
    async with httpx2.AsyncClient(trust_env=False) as client:
        assert (await client.get(address)).status_code == 200


@pytest.mark.parametrize(
    "url", ["/published/image_gen/u1/a_j_1.png", "https://cdn.example.com/site/image_gen/u1/a_j_1.png"]
)
async def test_picture_published_elsewhere_has_no_derived_address(url: str) -> None:
    assert thumbnail(url, 256) is None


async def test_wrong_secret_is_refused_for_good_and_never_told(served: Served, peer: CloudinaryPeer) -> None:
    with pytest.raises(TargetError, match="Invalid Signature") as caught:
        await _target(served, secret="wrong-secret-9").upload(NAME, DATA, MediaType.PNG)
    assert not caught.value.retryable
    assert "wrong-secret-9" not in str(caught.value)
    assert KEY not in str(caught.value)
    assert peer.assets == {}


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        (400, False),
        (401, False),
        (403, False),
        (404, False),
        (409, False),
        (420, True),
        (429, True),
        (500, True),
    ],
)
async def test_each_error_says_whether_asking_again_may_help(
    served: Served, status: int, *, retryable: bool
) -> None:
    served.faults.add("answer", status=status, body=b'{"error": {"message": "It said no."}}')
    with pytest.raises(TargetError, match=r"It said no\.") as caught:
        await _target(served).upload(NAME, DATA, MediaType.PNG)
    assert caught.value.retryable is retryable


@pytest.mark.parametrize("kind", ["cut", "lost", "hang", "html"])
async def test_broken_upload_may_be_tried_again_and_leaves_one_asset(
    served: Served, peer: CloudinaryPeer, kind: str
) -> None:
    if kind == "html":
        served.faults.add("answer", status=503, body=HTML)
    else:
        served.faults.add(kind)
    with pytest.raises(TargetError) as caught:
        await _target(served).upload(NAME, DATA, MediaType.PNG)
    assert caught.value.retryable
    published = await _target(served).upload(NAME, DATA, MediaType.PNG)
    assert await _target(served).verify(published)
    assert peer.uploads == 1


async def test_empty_picture_is_refused_before_any_request(served: Served) -> None:
    with pytest.raises(ValueError, match="not 0"):
        await _target(served).upload(NAME, b"", MediaType.PNG)
    assert served.faults.requests == []


@pytest.mark.parametrize("url", ["", "https://a:b@c", "cloudinary://cloud", "cloudinary://key@cloud"])
async def test_address_of_another_form_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="CLOUDINARY_URL") as caught:
        CloudinaryTarget(CloudinarySettings(cloudinary_url=url))
    assert not url or url not in str(caught.value)


async def test_account_is_read_from_the_address() -> None:
    account = parsed("cloudinary://12:s%2F3@My-Cloud?upload_prefix=https://eu.example.com")
    assert (account.cloud, account.key, account.secret) == ("My-Cloud", "12", "s/3")
    assert account.upload_prefix == "https://eu.example.com"
    assert "s/3" not in repr(account)


@pytest.mark.parametrize(
    ("model", "name"),
    [("gpt-image-2.6-flare", "gpt-image-2.6-flare"), ("replicate:me/lora:abc", "replicate-me-lora-abc")],
)
async def test_key_names_user_model_job_and_number(model: str, name: str) -> None:
    assert publication_key("0199", model, "j", 3) == f"image_gen/0199/{name}_j_3"
