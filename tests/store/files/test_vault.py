"""The vault: equal bytes once, whole files or none, no name of a user's in any path."""

import hashlib
import os
import stat
import threading
from pathlib import Path

import pytest

from store.files.vault import FileMissing, StoredFile, Vault

DATA = b"picture" * 1000
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "files")


def all_files(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.rglob("*") if path.is_file()]


def test_stored_bytes_are_read_back_under_their_hash(vault: Vault, tmp_path: Path) -> None:
    assert vault.put(DATA) == StoredFile(SHA, 7000)

    assert vault.read(SHA) == DATA
    with vault.open(SHA) as file:
        assert file.read(7) == b"picture"
    assert vault.exists(SHA)
    assert vault.is_sound(SHA)
    assert all_files(tmp_path) == [tmp_path / "files" / SHA[:2] / SHA[2:4] / SHA] == [vault.path(SHA)]


def test_equal_bytes_are_kept_once(vault: Vault, tmp_path: Path) -> None:
    assert vault.put(DATA) == vault.put(bytes(DATA))

    assert len(all_files(tmp_path)) == 1


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_nobody_else_may_look_inside(vault: Vault, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        vault.put(DATA)
    finally:
        os.umask(old)

    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "files").rglob("*") if path.is_dir()}
    assert modes == {0o700}
    assert stat.S_IMODE(vault.path(SHA).stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, SHA[:63], SHA + "\n", f"{SHA[:62]}/."])
def test_what_is_no_hash_is_missing_and_touches_nothing(vault: Vault, tmp_path: Path, name: str) -> None:
    vault.put(DATA)

    assert not vault.exists(name)
    for call in (vault.read, vault.open, vault.path, vault.delete):
        with pytest.raises(FileMissing):
            call(name)
    assert len(all_files(tmp_path)) == 1


def test_missing_file_is_said_to_be_missing(vault: Vault) -> None:
    assert not vault.exists(SHA)
    assert not vault.is_sound(SHA)
    assert not vault.delete(SHA)
    with pytest.raises(FileMissing):
        vault.read(SHA)
    with pytest.raises(FileMissing):
        vault.path(SHA)


def test_write_that_fails_leaves_nothing(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        vault.put(DATA)

    assert all_files(tmp_path) == []
    assert not vault.exists(SHA)


def test_half_written_file_is_replaced_by_a_whole_one(vault: Vault) -> None:
    vault.put(DATA)
    vault.path(SHA).write_bytes(DATA[:10])
    assert not vault.is_sound(SHA)

    vault.put(DATA)

    assert vault.read(SHA) == DATA


def test_sweep_sees_every_file_and_nothing_else(vault: Vault, tmp_path: Path) -> None:
    kept = sorted((vault.put(bytes([number])) for number in range(20)), key=lambda file: file.sha256)
    (tmp_path / "files" / "ab").mkdir(exist_ok=True)
    (tmp_path / "files" / "ab" / "note.txt").write_text("not ours")

    assert list(vault.stored()) == kept


def test_sweep_spares_a_file_that_was_put_again_meanwhile(vault: Vault) -> None:
    vault.put(DATA)
    path = vault.path(SHA)
    os.utime(path, (1000, 1000))
    assert not vault.delete(SHA, unless_newer_than=1000)

    vault.put(DATA)

    assert path.stat().st_mtime > 1_000_000
    assert not vault.delete(SHA, unless_newer_than=1_000_000)
    assert vault.read(SHA) == DATA


def test_sweep_takes_an_old_file(vault: Vault) -> None:
    vault.put(DATA)
    os.utime(vault.path(SHA), (1000, 1000))

    assert vault.delete(SHA, unless_newer_than=1001)
    assert not vault.exists(SHA)


def test_leftovers_of_crashes_are_dropped_and_fresh_ones_stay(vault: Vault, tmp_path: Path) -> None:
    old, new = tmp_path / "files" / "incoming" / "old", tmp_path / "files" / "incoming" / "new"
    for path, time in ((old, 1000), (new, 3000)):
        path.write_bytes(b"half")
        os.utime(path, (time, time))

    assert vault.drop_unfinished(older_than=2000) == 1
    assert all_files(tmp_path) == [new]


def test_many_threads_storing_the_same_bytes_agree(vault: Vault, tmp_path: Path) -> None:
    start, found = threading.Barrier(8), []

    def put() -> None:
        start.wait()
        found.append(vault.put(DATA))

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [StoredFile(SHA, 7000)] * 8
    assert len(all_files(tmp_path)) == 1
    assert vault.is_sound(SHA)


@pytest.mark.asyncio
async def test_async_names_do_the_same(vault: Vault) -> None:
    assert await vault.put_async(DATA) == StoredFile(SHA, 7000)
    assert await vault.read_async(SHA) == DATA
    assert await vault.delete_async(SHA)
    with pytest.raises(FileMissing):
        await vault.read_async(SHA)
