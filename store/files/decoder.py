"""Read uploads in a separate, limited process and get clean pictures or refusals back.

The server process itself decodes nothing: it looks at the length and the first bytes, then hands the file to a
child (decoder_child.py) that is confined (confinement.py) and warm. A child that hangs, dies or answers nonsense
costs its upload a refusal and is replaced; a cancelled call kills its child. Knows no rows and no GraphQL.
"""

import asyncio
import contextlib
import json
import mimetypes
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from store.files import frames, replies
from store.files.containers import MediaType, sniff
from store.files.levels import Levels
from store.files.quick_looks import Renditions
from store.files.refusals import MIB, RefusalCode, UploadRefused, too_large
from store.files.replies import BadReply, CleanImage

_ROOT = Path(__file__).parents[2]
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from store.files.decoder_child import main; main()"
)
_START_SECONDS = 60  # on a busy machine; half a second is usual
_DYING_SECONDS = 1
_LARGEST_REPLY = 256 * MIB
_Answer = TypeVar("_Answer")


class DecoderUnavailable(RuntimeError):  # noqa: N818 -- reads as what happened
    """The child could not be started: a fault of the installation, not of any upload."""


@dataclass(frozen=True, kw_only=True)
class DecoderLimits:
    """What one upload may cost.

    `max_bytes` bounds uploads; `max_own_bytes` files of our own in `render`. `memory_bytes` is the child's whole
    address space (measured: 220 MB empty, 900 MB for a PNG and 1,200 MB for a WEBP of 40 megapixels with alpha). `cpu_seconds` and
    `wall_seconds` bound one file; a child is replaced after `files_per_child` files.
    """

    max_bytes: int = 10 * MIB
    max_own_bytes: int = 128 * MIB
    max_pixels: int = 40_000_000
    max_side: int = 16_383
    memory_bytes: int = 1536 * MIB
    cpu_seconds: int = 20
    wall_seconds: float = 30.0
    files_per_child: int = 200


class _Child:
    """One running child process and the pipes to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.files = 0
        self.guards: tuple[str, ...] = ()

    @classmethod
    async def start(cls, limits: DecoderLimits) -> Self:
        child = cls(await _spawn(limits))
        try:
            async with asyncio.timeout(_START_SECONDS):
                header, _ = await child.receive()
        except (TimeoutError, asyncio.IncompleteReadError, frames.BadFrame) as error:
            await child.end()
            raise DecoderUnavailable("the upload decoder ends before it is ready") from error
        except BaseException:
            await child.end()
            raise
        child.guards = replies.guards(header)
        return child

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def ask(self, header: dict[str, object], data: bytes) -> frames.Message:
        assert self.process.stdin is not None
        self.files += 1
        self.process.stdin.writelines(frames.packed(header, [data]))
        await self.process.stdin.drain()
        return await self.receive()

    async def receive(self) -> frames.Message:
        assert self.process.stdout is not None
        return await frames.read(self.process.stdout, max_bytes=_LARGEST_REPLY)

    async def end(self) -> None:
        """Kill the process if it still runs, and wait until it and its pipes are gone."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):  # it may have gone between the two lines
                self.process.kill()
        await self.process.communicate()

    async def end_of_its_own(self) -> None:
        """Let a process that has closed its pipe die by itself, so that its exit status tells why; then as `end`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), _DYING_SECONDS)
        await self.end()


class Decoder:
    """A small pool of warm children. One per server; `aclose` it at the end.

    Calls beyond the number of children wait their turn. Use it from one event loop only.
    """

    def __init__(self, limits: DecoderLimits | None = None, *, children: int = 1) -> None:
        self._limits = limits or DecoderLimits()
        self._idle: list[_Child] = []
        self._turns = asyncio.Semaphore(children)
        self._closed = False

    async def warm(self) -> tuple[str, ...]:
        """Start a child if none is idle; the names of the limits that hold for it (see confinement.confine).

        Raises:
            DecoderUnavailable: it could not be started.
        """
        async with self._child() as child:
            return child.guards

    async def clean(
        self, data: bytes, *, declared_type: str | None = None, file_name: str | None = None
    ) -> CleanImage:
        """Decode an upload and write it anew; what the sender says it is only shows in `CleanImage.misnamed`.

        Raises:
            UploadRefused: the upload is not taken; the sentence says why.
            DecoderUnavailable: no child could be started.
        """
        media_type = _checked(data, self._limits.max_bytes)
        misnamed = _misnamed(media_type, declared_type, file_name)
        return await self._answer(
            {"work": "clean", "media_type": media_type},
            data,
            partial(replies.clean_image, received=media_type, misnamed=misnamed),
        )

    async def render(self, data: bytes) -> Renditions:
        """The quick looks of a picture we made or fetched ourselves; the file itself is not changed.

        Raises:
            UploadRefused: it is no whole, still PNG, JPEG or WEBP within the limits.
            DecoderUnavailable: no child could be started.
        """
        media_type = _checked(data, self._limits.max_own_bytes)
        return await self._answer({"work": "render", "media_type": media_type}, data, replies.renditions)

    async def levels(self, data: bytes) -> Levels:
        """How bright a picture of our own is, and whether it is opaque; the file itself is not changed.

        Raises:
            UploadRefused: it is no whole, still PNG, JPEG or WEBP within the limits.
            DecoderUnavailable: no child could be started.
        """
        media_type = _checked(data, self._limits.max_own_bytes)
        return await self._answer({"work": "levels", "media_type": media_type}, data, replies.levels)

    async def aclose(self) -> None:
        """End all idle children; one at work is ended when its call ends. Further calls raise."""
        self._closed = True
        while self._idle:
            await self._idle.pop().end()

    async def _answer(
        self,
        request: dict[str, object],
        data: bytes,
        read: Callable[[dict[str, object], list[bytes]], _Answer],
    ) -> _Answer:
        async with self._child() as child:
            try:
                async with asyncio.timeout(self._limits.wall_seconds):
                    header, parts = await child.ask(request, data)
                refusal = replies.refusal(header)
                answer = read(header, parts) if refusal is None else None
            except TimeoutError as error:
                raise UploadRefused(RefusalCode.TOO_DEMANDING, detail="out of time") from error
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                await child.end_of_its_own()
                raise _lost(child, error) from error
            except (frames.BadFrame, BadReply) as error:  # a file has taken the child over, or it has a bug
                raise UploadRefused(RefusalCode.DECODER_LOST, detail=str(error)) from error
        if answer is None:
            assert refusal is not None
            raise refusal
        return answer

    @contextlib.asynccontextmanager
    async def _child(self) -> AsyncIterator[_Child]:
        """A child for one file. It is ended when the block raises: nobody knows what it would answer next."""
        async with self._turns:
            child = await self._take()
            try:
                yield child
            except BaseException:
                await child.end()
                raise
            if self._closed or child.files >= self._limits.files_per_child:
                await child.end()
            else:
                self._idle.append(child)

    async def _take(self) -> _Child:
        if self._closed:
            raise DecoderUnavailable("the upload decoder is closed")
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            await child.end()
        return await _Child.start(self._limits)


async def _spawn(limits: DecoderLimits) -> asyncio.subprocess.Process:
    settings = {
        "memory_bytes": limits.memory_bytes,
        "cpu_seconds": limits.cpu_seconds,
        "max_bytes": max(limits.max_bytes, limits.max_own_bytes),
        "max_pixels": limits.max_pixels,
        "max_side": limits.max_side,
    }
    # No secret of ours goes along. Windows programs do not start without its variables.
    environment = None if sys.platform == "win32" else {"OPENBLAS_NUM_THREADS": "1"}
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-B", "-c", _PROGRAM, str(_ROOT), json.dumps(settings)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            cwd=_ROOT.anchor,
            start_new_session=True,  # Ctrl-C in a terminal is the server's business
            limit=MIB,
        )
    except OSError as error:
        raise DecoderUnavailable(f"the upload decoder cannot be started: {error}") from error


def _checked(data: bytes, max_bytes: int) -> MediaType:
    if len(data) > max_bytes:
        raise too_large(max_bytes)
    if not data:
        raise UploadRefused(RefusalCode.EMPTY)
    media_type = sniff(data)
    if media_type is None:
        raise UploadRefused(RefusalCode.INVALID_FILE_TYPE)
    return media_type


def _misnamed(media_type: MediaType, declared_type: str | None, file_name: str | None) -> bool:
    claims = (declared_type, mimetypes.guess_type(file_name)[0] if file_name else None)
    return any(claim and claim.partition(";")[0].strip().lower() != media_type for claim in claims)


def _lost(child: _Child, error: BaseException) -> UploadRefused:
    """Which refusal an early end means: the kernel ends with SIGXCPU what has used up its CPU time."""
    code = RefusalCode.DECODER_LOST
    if sys.platform != "win32":
        import signal

        if child.process.returncode == -signal.SIGXCPU:
            code = RefusalCode.TOO_DEMANDING
    return UploadRefused(code, detail=f"child ended with {child.process.returncode}: {error!r}")
