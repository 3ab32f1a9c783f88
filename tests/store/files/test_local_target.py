"""The public folder: whole files, one per key, checked after writing, gone when unpublished."""

import asyncio
import errno
import hashlib
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from store.files.containers import MediaType
from store.files.local import LocalFolder
from store.files.targets import KeyTaken, Published, Target, TargetError
from tests.store.files import pictures

pytestmark = pytest.mark.asyncio

KEY = "image_gen/0199/sdxl-base_0199ab_1"
DATA = pictures.png()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "public"


@pytest.fixture
def target(folder: Path) -> Target:
    return LocalFolder(folder, "https://pictures.example/public/")


def all_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_uploaded_picture_lies_whole_under_its_address(target: Target, folder: Path) -> None:
    published = await target.upload(KEY, DATA, MediaType.PNG)

    assert published == Published(
        key=KEY,
        handle=f"{KEY}.png",
        url=f"https://pictures.example/public/{KEY}.png",
        etag=hashlib.sha256(DATA).hexdigest(),
        size=len(DATA),
        sha256=hashlib.sha256(DATA).hexdigest(),
    )
    assert all_files(folder) == [f"{KEY}.png"]
    assert (folder / f"{KEY}.png").read_bytes() == DATA
    if os.name == "posix":
        assert stat.S_IMODE((folder / f"{KEY}.png").stat().st_mode) == 0o644
    assert await target.verify(published)


async def test_same_upload_again_changes_nothing(target: Target, folder: Path) -> None:
    first = await target.upload(KEY, DATA, MediaType.PNG)
    os.utime(folder / first.handle, (1000, 1000))

    again = await asyncio.gather(*(target.upload(KEY, DATA, MediaType.PNG) for _ in range(5)))

    assert again == [first] * 5
    assert (folder / first.handle).stat().st_mtime == 1000
    assert all_files(folder) == [first.handle]


async def test_key_with_other_bytes_is_taken_and_stays_as_it_was(target: Target, folder: Path) -> None:
    first = await target.upload(KEY, DATA, MediaType.PNG)

    with pytest.raises(KeyTaken) as taken:
        await target.upload(KEY, DATA + b"x", MediaType.PNG)

    assert not taken.value.retryable
    assert (folder / first.handle).read_bytes() == DATA
    assert all_files(folder) == [first.handle]


async def test_of_two_pictures_racing_for_a_key_one_is_published_and_one_refused(
    target: Target, folder: Path
) -> None:
    for number in range(20):
        rivals = (target.upload(f"{KEY}-{number}", DATA + tail, MediaType.PNG) for tail in (b"a", b"b"))
        results = await asyncio.gather(*rivals, return_exceptions=True)

        (published,) = (result for result in results if isinstance(result, Published))
        assert [type(result) for result in results if result is not published] == [KeyTaken]
        assert await target.verify(published)
    assert len(all_files(folder)) == 20


async def test_folder_without_links_is_written_all_the_same(
    target: Target, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(path: Path, other: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", no_links)

    published = await target.upload(KEY, DATA, MediaType.PNG)

    assert await target.verify(published)
    assert all_files(folder) == [published.handle]


async def test_unpublished_picture_is_gone_and_gone_again_is_no_error(target: Target, folder: Path) -> None:
    published = await target.upload(KEY, DATA, MediaType.PNG)

    assert await target.unpublish(published)
    assert all_files(folder) == []
    assert not await target.verify(published)
    assert not await target.unpublish(published)


async def test_verify_notices_changed_bytes(target: Target, folder: Path) -> None:
    published = await target.upload(KEY, DATA, MediaType.PNG)
    (folder / published.handle).write_bytes(DATA[:-1] + b"?")

    assert not await target.verify(published)


async def test_write_that_fails_leaves_nothing(
    target: Target, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(TargetError, match="No space left") as failed:
        await target.upload(KEY, DATA, MediaType.PNG)

    assert failed.value.retryable
    assert all_files(folder) == []


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".hidden", "a\\b", "a\0", "a b", "ü", "x" * 256],
)
async def test_what_is_no_key_is_refused_before_anything_is_written(
    target: Target, folder: Path, key: str
) -> None:
    with pytest.raises(ValueError, match="no picture can be published"):
        await target.upload(key, DATA, MediaType.PNG)

    assert all_files(folder.parent) == []


async def test_foreign_handle_reaches_no_other_file(target: Target, folder: Path, tmp_path: Path) -> None:
    published = await target.upload(KEY, DATA, MediaType.PNG)
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")

    with pytest.raises(ValueError, match="no picture can be published"):
        await target.unpublish(replace(published, handle="../secret"))

    assert secret.read_bytes() == b"secret"
