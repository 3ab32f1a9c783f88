"""Brings a checkpoint from the hub, with progress, and verifies it. Knows no queue and no torch."""

import asyncio
import contextlib
import dataclasses
import hashlib
import re
import shutil
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Any

from generators.diffusion.catalog_entries import Checkpoint
from generators.diffusion.checkpoints import INDEX, Shelf
from generators.diffusion.extras import Extra
from generators.diffusion.settings import DiffusionSettings

Package = Checkpoint | Extra

CHUNK = 2**22
BESIDE = re.compile(r"^(LICENSE[^/]*|README\.md)$")
SIDE_FILES = re.compile(r"^(model_index\.json|LICENSE[^/]*|README\.md|[^/]+/[^/]+\.(json|txt|model|jinja))$")
LEAST_SPARE = 2**30  # bytes left free on the disk after a download


class DownloadError(Exception):
    """It could not be brought; the words say why. `retryable` = the network's fault."""

    def __init__(self, words: str, *, retryable: bool = False) -> None:
        super().__init__(words)
        self.retryable = retryable


class _StoppedError(Exception):
    """Nobody waits for the download any more."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """Bytes here and bytes in all."""

    done: int
    total: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class _File:
    name: str
    size: int
    sha256: str | None
    blob: str | None = None


async def pull(shelf: Shelf, settings: DiffusionSettings, key: str) -> AsyncGenerator[Progress]:
    """Download one catalog entry; yields the newest progress, the last one with done == total.

    What is already there is not fetched again; an interrupted download goes on where it stopped. Cancelling the
    consumer stops it within one chunk.

    Raises:
        DownloadError: unknown key, a folder, not on the hub, no access, no disk, no network, or broken files.
    """
    entry = shelf.get(key) or shelf.network(key)
    if entry is None:
        raise DownloadError(f"No local checkpoint, IP-Adapter or ControlNet has the key {key!r}.")
    if entry.is_folder:
        raise DownloadError(f"{key!r} is the folder {entry.source}; there is nothing to download.")
    loop = asyncio.get_running_loop()
    newest = _Newest(loop)
    stop = threading.Event()
    task = asyncio.create_task(asyncio.to_thread(_fetch, shelf, settings, entry, (newest, stop)))
    task.add_done_callback(lambda _: newest.wake())
    try:
        while not task.done():
            progress = await newest.take()
            if progress is not None:
                yield progress
        size = await task
        shelf.mended(key)
        yield Progress(done=size, total=size)
    finally:
        stop.set()
        if not task.done():
            with contextlib.suppress(DownloadError, _StoppedError):
                await asyncio.shield(task)


class _Newest:
    """One slot between the downloading thread and the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slot: Progress | None = None
        self._filled = asyncio.Event()

    def put(self, progress: Progress) -> None:
        """From the thread."""
        self._slot = progress
        self.wake()

    def wake(self) -> None:
        """Let `take` return."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(self._filled.set)

    async def take(self) -> Progress | None:
        """The newest progress, or None when the download ended."""
        await self._filled.wait()
        self._filled.clear()
        progress, self._slot = self._slot, None
        return progress


def _fetch(
    shelf: Shelf, settings: DiffusionSettings, entry: Package, talk: tuple[_Newest, threading.Event]
) -> int:
    """On a thread of its own; the bytes of the checkpoint."""
    import huggingface_hub

    newest, stop = talk
    cache, revision = shelf.hub_cache(), entry.revision or "main"
    cache.mkdir(parents=True, exist_ok=True)
    with _plain_words(entry):
        api = huggingface_hub.HfApi(endpoint=settings.hub_endpoint, token=settings.hub_token or None)
        info = api.model_info(entry.source, revision=revision, files_metadata=True)
        siblings = info.siblings or []
        files = _named(entry, siblings) if isinstance(entry, Extra) else _wanted(entry, siblings)
        _room(cache, entry, files)
        mark = shelf.unverified(entry)
        folder = _folder(shelf, entry)
        if folder is None or folder.name != info.sha:  # what can be used already is only looked at again
            mark.parent.mkdir(exist_ok=True)
            mark.touch()
        counter = _Counter(sum(file.size for file in files), newest.put, stop)
        newest.put(Progress(done=0, total=counter.total))  # before the first byte, which may take its time
        bar = counter.bar()
        for file in files:
            path = huggingface_hub.hf_hub_download(
                entry.source,
                file.name,
                revision=revision,
                cache_dir=cache,
                endpoint=settings.hub_endpoint,
                token=settings.hub_token or None,
                tqdm_class=bar,
            )
            counter.ended(file.size)
            if info.sha and f"/{info.sha}/" not in Path(path).as_posix():
                raise DownloadError(f"{entry.source} changed while it was fetched.", retryable=True)
    _verify(shelf.snapshot(entry.source, entry.revision), files, stop)
    mark.unlink(missing_ok=True)
    if _folder(shelf, entry) is None:
        raise DownloadError(f"{entry.source} lacks parts that its {INDEX} names.")
    return counter.total


def _folder(shelf: Shelf, entry: Package) -> Path | None:
    """Where it lies, if it can be used."""
    return shelf.extra_folder(entry) if isinstance(entry, Extra) else shelf.folder(entry)


@contextlib.contextmanager
def _plain_words(entry: Package) -> Iterator[None]:
    """The hub's errors as ours."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise DownloadError(f"{entry.source} asks for an accepted licence and a token (HF_TOKEN).") from error
    except errors.RepositoryNotFoundError as error:
        raise DownloadError(f"The hub has no {entry.source}, or it is private.") from error
    except errors.OfflineModeIsEnabled as error:
        raise DownloadError("Downloads are switched off: HF_HUB_OFFLINE is set.") from error
    except errors.HfHubHTTPError as error:
        raise DownloadError(f"The hub answered: {str(error)[:300]}", retryable=True) from error
    except (OSError, httpx2.HTTPError) as error:
        raise DownloadError(f"The hub cannot be reached: {str(error)[:300]}", retryable=True) from error


def _wanted(entry: Checkpoint, siblings: list[Any]) -> list[_File]:
    """Configs, tokenizers and one set of safetensors; never pickles, other precisions or other frameworks."""
    names = {item.rfilename for item in siblings}
    if INDEX not in names:
        raise DownloadError(f"{entry.source} is not in diffusers format: it has no {INDEX}.")
    mark = f".{entry.variant}" if entry.variant else ""
    reduced = {name.split("/")[0] for name in names if mark and f"{mark}." in name and "safetensors" in name}
    chosen = []
    for item in siblings:
        name = item.rfilename
        part, _, file = name.rpartition("/")
        weights = part and "/" not in part and "safetensors" in file and part != "safety_checker"
        if weights:
            has_mark = bool(mark) and f"{mark}." in file
            weights = has_mark if part in reduced else not re.search(r"\.(fp16|bf16|non_ema|ema)\.", file)
        if weights or SIDE_FILES.match(name):
            chosen.append(_file(item))
    return chosen


def _named(extra: Extra, siblings: list[Any]) -> list[_File]:
    """The files without which it cannot be used, and what says what it is."""
    found = {item.rfilename: item for item in siblings}
    lacking = [name for name in extra.files() if name not in found]
    if lacking:
        raise DownloadError(f"{extra.source} has no {', '.join(lacking)}.")
    told = [name for name in found if BESIDE.match(name)]
    return [_file(found[name]) for name in [*extra.files(), *told]]


def _file(item: Any) -> _File:
    lfs = item.lfs
    return _File(
        name=item.rfilename,
        size=int(item.size or 0),
        sha256=lfs.sha256 if lfs else None,
        blob=None if lfs else item.blob_id,
    )


def _room(cache: Path, entry: Package, files: list[_File]) -> None:
    needed = sum(file.size for file in files)
    free = shutil.disk_usage(cache).free
    if free < needed + LEAST_SPARE:
        raise DownloadError(
            f"{entry.key} needs {needed / 2**30:.1f} GiB; only {free / 2**30:.1f} GiB are free at {cache}."
        )


def _verify(folder: Path, files: list[_File], stop: threading.Event) -> None:
    for file in files:
        path = folder / file.name
        if not path.is_file() or (file.size and path.stat().st_size != file.size):
            raise DownloadError(f"{file.name} did not arrive whole.", retryable=True)
        digest = hashlib.sha256() if file.sha256 else _blob(file.size)
        wanted = file.sha256 or file.blob
        if wanted and _digest(path, digest, stop) != wanted:
            path.resolve().unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise DownloadError(f"{file.name} arrived damaged and was removed.", retryable=True)


def _blob(size: int) -> Any:
    """Git's name of a file begins with its size; it tells damage, and no more is asked of it."""
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


def _digest(path: Path, digest: Any, stop: threading.Event) -> str:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            if stop.is_set():
                raise _StoppedError
            digest.update(chunk)
    return str(digest.hexdigest())


class _Counter:
    """Adds up the bytes of all files of one download."""

    def __init__(self, total: int, tell: Callable[[Progress], None], stop: threading.Event) -> None:
        self.total = total
        self._tell = tell
        self._stop = stop
        self._lock = threading.Lock()
        self._ended = 0
        self._current = 0

    def add(self, count: float) -> None:
        """More bytes of the current file are here; raises when nobody waits any more."""
        if self._stop.is_set():
            raise _StoppedError
        with self._lock:
            self._current += int(count)
            done = min(self.total, self._ended + self._current)
        self._tell(Progress(done=done, total=self.total))

    def ended(self, size: int) -> None:
        """The current file is here, fetched now or before."""
        with self._lock:
            self._ended, self._current = self._ended + size, 0
        self.add(0)

    def bar(self) -> type[Any]:
        """A silent stand-in for tqdm, as huggingface_hub wants a class."""
        from tqdm.auto import tqdm

        counter = self

        class Bar(tqdm):  # type: ignore[misc]  # tqdm has no types
            def __init__(self, *args: Any, **options: Any) -> None:
                options.pop("name", None)
                super().__init__(*args, **(options | {"disable": True}))

            def update(self, n: float | None = 1) -> bool | None:
                if n:
                    counter.add(n)
                return None

        return Bar
