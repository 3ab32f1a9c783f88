"""A stand-in for the executor that is killed: runs paid calls, and keeps each event in a journal before the next.

Started as a process by the kill test: `python -m tests.peers.killed_worker JOURNAL OPENAI_URL REPLICATE_URL COUNT`.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from generators.events import CallAccepted, CallEnded, CallIntended, CallUnknown, Failed, ImageMade
from generators.generator import Known
from generators.hosted.generator import HostedGenerator
from generators.hosted.settings import HostedSettings
from tests.peers.openai import KEY
from tests.peers.replicate import TOKEN
from tests.peers.runs import Files, Watcher, known_call, spec

MODELS = ("gpt-image-2.6-flare", "flux-schnell")
_KINDS = {kind.__name__: kind for kind in (CallIntended, CallAccepted, CallEnded, CallUnknown)}


def read(journal: Path) -> dict[int, list[dict[str, Any]]]:
    """What was committed, by variant. A torn last line was not, and is cut off."""
    kept: dict[int, list[dict[str, Any]]] = {}
    whole = journal.read_bytes() if journal.exists() else b""
    if not whole.endswith(b"\n") and whole:
        os.truncate(journal, whole.rfind(b"\n") + 1)
    for line in whole.split(b"\n")[:-1]:
        row = json.loads(line)
        kept.setdefault(row["variant"], []).append(row)
    return kept


def settings(openai_url: str, replicate_url: str) -> HostedSettings:
    """Quick looks, and two seconds to find a lost call."""
    return HostedSettings(
        openai_api_key=KEY,
        openai_base_url=f"{openai_url}/v1",
        replicate_api_token=TOKEN,
        replicate_base_url=replicate_url,
        hosted_allow_private=True,
        hosted_poll_seconds=0.02,
        hosted_unknown_seconds=2.0,
    )


def _known(rows: list[dict[str, Any]]) -> Known:
    facts = {
        "provider": "",
        "model": "",
        "estimate": 0,
        "succeeded": False,
        "cost": 0,
        "words": "",
        "provider_id": "",
    }
    events = []
    for row in rows:
        kind = _KINDS[row["kind"]]
        names = kind.__dataclass_fields__
        events.append(kind(**{name: row.get(name, facts.get(name)) for name in names}))
    return known_call(events)


def _row(variant: int, event: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"variant": variant, "kind": type(event).__name__}
    for name in ("key", "provider", "model", "provider_id", "succeeded", "words"):
        if hasattr(event, name):
            row[name] = getattr(event, name)
    if isinstance(event, Failed):
        row["failure"] = event.kind.value
    return row


async def _work(journal: Path, generator: HostedGenerator, variant: int, rows: list[dict[str, Any]]) -> None:
    wanted = spec(MODELS[variant % 2], seed=variant, prompt=f"fox {variant}")
    with journal.open("ab") as out:
        async for event in generator.run(wanted, _known(rows), Watcher()):
            out.write(json.dumps(_row(variant, event)).encode() + b"\n")
            out.flush()
            os.fsync(out.fileno())


def is_over(rows: list[dict[str, Any]]) -> bool:
    """Whether that variant has its picture or its failure."""
    return bool(rows) and rows[-1]["kind"] in (ImageMade.__name__, Failed.__name__)


async def _main(journal: Path, openai_url: str, replicate_url: str, count: int) -> None:
    kept = await asyncio.to_thread(read, journal)
    generator = HostedGenerator(settings(openai_url, replicate_url), Files().open)
    waiting = [number for number in range(count) if not is_over(kept.get(number, []))]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for at in range(0, len(waiting), 4):
        batch = waiting[at : at + 4]
        await asyncio.gather(*(_work(journal, generator, one, kept.get(one, [])) for one in batch))
    await generator.close()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
