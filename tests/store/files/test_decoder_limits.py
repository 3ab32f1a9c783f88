"""What a hostile or unlucky upload can do to the decoder, and to the process that uses it: nothing lasting."""

import asyncio
import os
import signal
import sys

import pytest
from PIL import Image

from store.files.decoder import Decoder, DecoderUnavailable
from store.files.refusals import MIB, RefusalCode, UploadRefused
from tests.patience import PATIENCE
from tests.store.files import pictures
from tests.store.files.children import (
    begun,
    child_pid,
    environment_and_files,
    is_gone,
    peak,
    peak_from_now,
    running,
    until,
)

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(sys.platform == "win32", reason="signals and resource limits are POSIX"),
]


async def test_child_killed_midway_is_a_refusal_and_the_next_upload_succeeds() -> None:
    async with running() as decoder:
        pid = child_pid(decoder)
        os.kill(pid, signal.SIGSTOP)
        call = await begun(decoder, pictures.png())
        os.kill(pid, signal.SIGKILL)

        with pytest.raises(UploadRefused) as refused:
            await call
        clean = await decoder.clean(pictures.png())

        assert refused.value.code is RefusalCode.DECODER_LOST
        assert clean.looks.width == 48
        assert child_pid(decoder) != pid


async def test_child_killed_between_uploads_is_replaced_unnoticed() -> None:
    async with running() as decoder:
        pid = child_pid(decoder)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: decoder._idle[0].process.returncode is not None)

        assert (await decoder.clean(pictures.png())).looks.width == 48


async def test_child_that_hangs_is_killed_at_the_wall_limit() -> None:
    async with running(wall_seconds=0.2) as decoder:
        pid = child_pid(decoder)
        os.kill(pid, signal.SIGSTOP)

        with pytest.raises(UploadRefused) as refused:
            await decoder.clean(pictures.png())

        assert refused.value.code is RefusalCode.TOO_DEMANDING
        assert is_gone(pid)
    async with running() as decoder:
        assert (await decoder.clean(pictures.png())).looks.width == 48


async def test_cancelled_call_kills_its_child_and_frees_its_turn() -> None:
    async with running() as decoder:
        pid = child_pid(decoder)
        os.kill(pid, signal.SIGSTOP)
        call = await begun(decoder, pictures.png())
        call.cancel()

        with pytest.raises(asyncio.CancelledError):
            await call

        assert is_gone(pid)
        assert (await decoder.clean(pictures.png())).looks.width == 48


async def test_upload_that_needs_too_much_time_ends_at_the_cpu_limit() -> None:
    slow = pictures.many_scans(pictures.jpeg(pictures.quadrants((4000, 4000)), progressive=True), 900)
    async with running(cpu_seconds=0) as decoder:
        with pytest.raises(UploadRefused) as refused:
            await decoder.clean(slow)

        assert refused.value.code is RefusalCode.TOO_DEMANDING
        assert (await decoder.clean(pictures.png())).looks.width == 48


async def test_upload_that_needs_too_much_memory_is_refused_and_the_child_lives() -> None:
    large = pictures.png(Image.new("RGB", (6000, 6000)), compress_level=1)
    async with running(memory_bytes=330 * MIB) as decoder:
        pid = child_pid(decoder)
        with pytest.raises(UploadRefused) as refused:
            await decoder.clean(large)

        assert refused.value.code is RefusalCode.TOO_DEMANDING
        assert (await decoder.clean(pictures.png())).looks.width == 48
        assert child_pid(decoder) == pid


async def test_largest_allowed_picture_fits_into_the_limits() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = pictures.quadrants((8000, 5000))
    image.putalpha(200)
    data = pictures.png(image, exif=exif, icc_profile=pictures.swapped_profile(), compress_level=1)
    async with running() as decoder:
        clean = await decoder.clean(data)

    assert (clean.looks.width, clean.looks.height) == (5000, 8000)


async def test_lower_limits_are_named_in_the_refusals() -> None:
    async with running(max_bytes=2 * MIB, max_pixels=1_000_000, max_side=900) as decoder:
        with pytest.raises(UploadRefused) as too_large:
            await decoder.clean(bytes(2 * MIB + 1))
        with pytest.raises(UploadRefused) as too_long:
            await decoder.clean(pictures.raw_png((901, 1), 8, 0, bytes(901)))

    assert str(too_large.value) == "File too large. Maximum size is 2MB"
    assert str(too_long.value) == (
        "The picture has too many pixels (901x1). At most 1 megapixels and 900 pixels along one side are read. "
        "Scale it down and upload that."
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_bombs_do_not_grow_the_calling_process() -> None:
    bombs = [
        pictures.bomb(13_000),
        pictures.bomb(14_000),
        pictures.overfull_png(64 * MIB),
        pictures.bomb(6_300),
    ]

    async with running() as decoder:
        before = peak_from_now()
        codes: list[RefusalCode | None] = []
        for bomb in bombs:
            try:
                await decoder.clean(bomb)
                codes.append(None)
            except UploadRefused as refused:
                codes.append(refused.code)

        assert codes == [RefusalCode.TOO_MANY_PIXELS, RefusalCode.TOO_MANY_PIXELS, None, None]
        assert peak() - before < 20 * MIB


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_child_knows_nothing_of_the_server() -> None:
    async with running() as decoder:
        pid = child_pid(decoder)
        environment, links = environment_and_files(pid)

    assert environment == b"OPENBLAS_NUM_THREADS=1\0"
    assert all(link.startswith(("pipe:", "socket:")) or link == "/dev/null" for link in links)


async def test_child_is_replaced_after_its_share_of_files() -> None:
    async with running(files_per_child=2) as decoder:
        pids = {child_pid(decoder)}
        for _ in range(2):
            await decoder.clean(pictures.png())

        assert not decoder._idle
        assert all(is_gone(pid) for pid in pids)
        await decoder.clean(pictures.png())
        assert child_pid(decoder) not in pids


async def test_calls_wait_their_turn_for_one_child() -> None:
    async with running() as decoder:
        pid = child_pid(decoder)
        clean = await asyncio.gather(*(decoder.clean(pictures.png()) for _ in range(8)))

        assert [image.looks.width for image in clean] == [48] * 8
        assert child_pid(decoder) == pid


async def test_warm_decoder_reports_the_limits_that_hold() -> None:
    async with running() as decoder:
        guards = set(await decoder.warm())

    expected = {"core", "file size", "processes", "descriptors", "cpu"}
    if sys.platform == "linux":
        expected |= {"memory"} | ({"uid"} if os.geteuid() == 0 else set())
    assert guards == expected


@pytest.mark.parametrize(
    "answer",
    [
        "b'nonsense' * 100",
        "b''.join(frames.packed({'width': 1}, [b'GIF89a']))",
        "b''.join(frames.packed({'refused': 'NO_SUCH_CODE', 'sentence': 'Visit http://evil.example'}))",
    ],
)
async def test_child_that_answers_nonsense_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """A file has taken the child over and speaks in its name."""
    monkeypatch.setattr(
        "store.files.decoder._PROGRAM",
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from store.files import frames\n"
        "out = sys.stdout.buffer\n"
        "out.writelines(frames.packed({'ready': []})); out.flush()\n"
        "frames.read_blocking(sys.stdin.buffer, max_bytes=10**9)\n"
        f"out.write({answer}); out.flush()\n"
        "sys.stdin.buffer.read()\n",
    )
    async with running() as decoder:
        with pytest.raises(UploadRefused) as refused:
            await decoder.clean(pictures.png())

    assert refused.value.code is RefusalCode.DECODER_LOST
    assert "evil" not in str(refused.value)


async def test_closed_decoder_ends_its_children_and_says_so() -> None:
    decoder = Decoder()
    await decoder.warm()
    pid = child_pid(decoder)

    await decoder.aclose()

    assert is_gone(pid)
    with pytest.raises(DecoderUnavailable):
        await decoder.clean(pictures.png())


async def test_decoder_that_cannot_start_blames_no_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder()
    monkeypatch.setattr("store.files.decoder._PROGRAM", "raise SystemExit(3)")

    with pytest.raises(DecoderUnavailable):
        await decoder.clean(pictures.png())

    monkeypatch.undo()
    assert (await decoder.clean(pictures.png())).looks.width == 48
    await decoder.aclose()


async def test_server_pipe_closed_ends_the_child() -> None:
    async with running() as decoder:
        (child,) = decoder._idle
        assert child.process.stdin is not None
        child.process.stdin.close()

        async with asyncio.timeout(PATIENCE):
            assert await child.process.wait() == 0
