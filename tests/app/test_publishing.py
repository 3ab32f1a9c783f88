"""Which target publishing uses, by what is configured; and the pictures this server publishes itself."""

import pathlib
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from app.publishing import places
from app.settings import Settings, SettingsError
from app.web.published import PublishedPictures
from store.files.cloudinary import CloudinaryTarget
from store.files.containers import MediaType
from store.files.local import LocalFolder
from store.files.s3 import S3Target
from tests.peers.pictures import picture

CLOUDINARY = {"cloudinary_url": "cloudinary://key:secret@cloud"}
BUCKET = {"s3_bucket": "pictures"}


def settings(folder: pathlib.Path, **given: Any) -> Settings:
    return Settings({"data_dir": folder, **given})


@pytest.mark.parametrize(
    ("given", "target", "kind"),
    [
        ({}, "local", LocalFolder),
        (BUCKET, "s3", S3Target),
        (CLOUDINARY, "cloudinary", CloudinaryTarget),
        ({**BUCKET, **CLOUDINARY}, "cloudinary", CloudinaryTarget),
        ({**BUCKET, **CLOUDINARY, "publish_target": "s3"}, "s3", S3Target),
        ({**BUCKET, "publish_target": "local"}, "local", LocalFolder),
    ],
)
def test_target_is_the_first_that_is_configured_or_the_one_that_is_named(
    tmp_path: pathlib.Path, given: dict[str, Any], target: str, kind: type
) -> None:
    found = places(settings(tmp_path, **given))

    assert found.publish_to == target
    assert isinstance(found.targets[target], kind)
    assert "local" in found.targets


@pytest.mark.parametrize(("target", "missing"), [("s3", "S3_BUCKET"), ("cloudinary", "CLOUDINARY_URL")])
def test_named_target_that_is_not_configured_is_an_error(
    tmp_path: pathlib.Path, target: str, missing: str
) -> None:
    with pytest.raises(SettingsError, match=f"PUBLISH_TARGET is {target}, but {missing} is not set"):
        places(settings(tmp_path, publish_target=target))


def test_address_that_is_none_is_an_error_that_never_repeats_it(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SettingsError) as error:
        places(settings(tmp_path, cloudinary_url="cloudinary://hunter2"))

    assert "CLOUDINARY_URL must be" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_folders_lie_under_the_data_folder_unless_they_are_named(tmp_path: pathlib.Path) -> None:
    usual = places(settings(tmp_path)).copies
    chosen = places(settings(tmp_path, previews_dir=tmp_path / "Downloads")).copies

    assert (usual.base_images, usual.previews) == (tmp_path / "base_images", tmp_path / "previews")
    assert (chosen.base_images, chosen.previews) == (tmp_path / "base_images", tmp_path / "Downloads")


@pytest.mark.asyncio
async def test_published_picture_is_served_to_everybody_for_good(tmp_path: pathlib.Path) -> None:
    target = places(settings(tmp_path, public_url="https://example.com/")).targets["local"]
    published = await target.upload("image_gen/u/m_j_1", picture(20, 10), MediaType.PNG)
    assert published.url == "https://example.com/published/image_gen/u/m_j_1.png"

    async with site(tmp_path / "published") as http:
        found = await http.get("/published/image_gen/u/m_j_1.png")
        part = await http.get("/published/image_gen/u/m_j_1.png", headers={"range": "bytes=0-3"})
        changed = await http.put("/published/image_gen/u/m_j_1.png", content=b"x")

    assert (found.status_code, found.content) == (200, picture(20, 10))
    assert found.headers["content-type"] == "image/png"
    assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert found.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in found.headers["content-security-policy"]
    assert (part.status_code, part.content) == (206, picture(20, 10)[:4])
    assert changed.status_code == 405


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "path",
    [
        "image_gen/u/other.png",
        "../secret.png",
        "%2e%2e/secret.png",
        "image_gen/..%2f..%2fsecret.png",
        "page.html",
        "link.png",
        "image_gen",
        ".hidden.png",
        "",
    ],
)
async def test_nothing_else_is_served(tmp_path: pathlib.Path, path: str) -> None:
    folder = tmp_path / "published"
    (folder / "image_gen").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "page.html").write_bytes(b"<script>")
    (folder / ".hidden.png").write_bytes(b"secret")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")

    async with site(folder) as http:
        answer = await http.get(f"/published/{path}")

    assert answer.status_code == 404
    assert b"secret" not in answer.content


@pytest.mark.asyncio
async def test_picture_taken_back_while_it_is_asked_for_is_gone(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"picture")

    def takes_it_back(path: pathlib.Path, _folder: pathlib.Path) -> bool:
        path.unlink()
        return False

    monkeypatch.setattr("app.web.published._outside", takes_it_back)
    async with site(folder) as http:
        assert (await http.get("/published/a.png")).status_code == 404


def site(folder: pathlib.Path) -> httpx2.AsyncClient:
    pictures = PublishedPictures(folder)
    app = Starlette(routes=[Route("/published/{key:path}", pictures.__call__, methods=["GET"])])
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://localhost")
