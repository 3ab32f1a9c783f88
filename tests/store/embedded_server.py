"""A server reduced to its database: starts the private PostgreSQL, says so, and waits to be ended from outside.

Run as a program by `test_embedded.py`. Prints the URL, or the refusal; SIGTERM ends it cleanly.
"""

import asyncio
import pathlib
import signal
import sys

from store.database.embedded import EmbeddedOptions, EmbeddedUnavailable, start_embedded


async def serve(data_dir: pathlib.Path) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    embedded = await start_embedded(data_dir, EmbeddedOptions(fsync=False))
    sys.stdout.write(f"{embedded.url}\n")
    sys.stdout.flush()
    await ended.wait()
    await embedded.stop()


if __name__ == "__main__":
    try:
        asyncio.run(serve(pathlib.Path(sys.argv[1])))
    except EmbeddedUnavailable as refusal:
        sys.exit(f"{type(refusal).__name__}: {refusal}")
