"""Copies under names for people."""

from pathlib import Path

import pytest

from store.files.copies import NamedCopies

pytestmark = pytest.mark.asyncio
NAME = "scripted_20261120_054200_j1_var1.png"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "vault"
    path.write_bytes(b"picture")
    return path


def content(path: Path) -> bytes:
    return path.read_bytes()


def inside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_copy_lies_in_its_folder_until_it_is_dropped(tmp_path: Path, source: Path) -> None:
    copies = NamedCopies(tmp_path / "base", tmp_path / "Downloads" / "previews")

    path = await copies.keep(source, NAME, base_image=False)

    assert path == tmp_path / "Downloads" / "previews" / NAME
    assert content(path) == b"picture"
    assert await copies.keep(source, NAME, base_image=True) == tmp_path / "base" / NAME
    assert await copies.drop(NAME, base_image=False) is True
    assert await copies.drop(NAME, base_image=False) is False
    assert inside(tmp_path / "base") == [NAME]


async def test_changed_copy_leaves_the_vault_alone(tmp_path: Path, source: Path) -> None:
    path = await NamedCopies(None, tmp_path / "previews").keep(source, NAME, base_image=False)
    assert path is not None

    path.write_bytes(b"painted over")

    assert content(source) == b"picture"


async def test_without_folders_nothing_is_copied(source: Path, tmp_path: Path) -> None:
    copies = NamedCopies()

    assert await copies.keep(source, NAME, base_image=True) is None
    assert await copies.drop(NAME, base_image=True) is False
    assert inside(tmp_path) == [source.name]


async def test_folder_that_cannot_be_written_is_no_error(tmp_path: Path, source: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_bytes(b"")

    assert await NamedCopies(None, blocked / "previews").keep(source, NAME, base_image=False) is None


@pytest.mark.parametrize("name", ["../up.png", "/etc/passwd", "a/b.png", ".hidden", ""])
async def test_name_that_leads_elsewhere_is_a_bug(tmp_path: Path, source: Path, name: str) -> None:
    copies = NamedCopies(None, tmp_path / "previews")

    with pytest.raises(ValueError, match="no plain file name"):
        await copies.keep(source, name, base_image=False)
    with pytest.raises(ValueError, match="no plain file name"):
        await copies.drop(name, base_image=False)
