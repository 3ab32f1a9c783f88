"""A server that has a text model: the scripted pictures, and an OpenAI-compatible endpoint on loopback."""

import contextlib
import importlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from strawberry.types import ExecutionResult

from generators.encoder import Encoders
from generators.hosted.generator import HostedGenerator
from generators.hosted.settings import HostedSettings
from generators.spec import FileRef
from schema import schema
from store.database.sessions import Database
from store.files.vault import Vault
from tests import client
from tests.client import Api
from tests.executor import workshop
from tests.peers.openai import KEY, OpenAIPeer
from tests.peers.serving import Faults, serving

WRITER = "writer"
TEXT = """
subscription ($id: ID!, $after: BigInt) {
  jobText(jobId: $id, after: $after) { offset text next done }
}
"""


@contextlib.asynccontextmanager
async def writing(db: Database, folder: Path, **settings: Any) -> AsyncIterator[tuple[Api, OpenAIPeer]]:
    """The application with the text model "writer", which costs 1 and 2 dollars per million tokens in and out."""
    async with hosting(db, folder, **settings) as (api, peer, _):
        yield api, peer


@contextlib.asynccontextmanager
async def hosting(
    db: Database, folder: Path, *, encoders: Encoders | None = None, **settings: Any
) -> AsyncIterator[tuple[Api, OpenAIPeer, Faults]]:
    """As `writing`; with `openai_api_key=KEY` OpenAI's pictures too, from the same peer."""
    importlib.import_module("openai")  # takes longer than the leases of these tests
    peer = OpenAIPeer()
    vault = Vault(folder)

    async def open_file(file: FileRef) -> bytes:
        return await vault.read_async(file.sha256)

    with serving(peer.app) as served:
        hosted = HostedGenerator(
            HostedSettings(
                **{
                    "text_base_url": f"{served.url}/v1",
                    "text_model": WRITER,
                    "text_api_key": KEY,
                    "text_price_input": 1,
                    "text_price_output": 2,
                    "openai_base_url": f"{served.url}/v1",
                    "hosted_allow_private": True,
                    **settings,
                }
            ),
            open_file,
        )
        async with client.serving(db, folder, workshop.scripted(), hosted, encoders=encoders) as api:
            try:
                yield api, peer, served.faults
            finally:
                await hosted.close()


async def deltas(api: Api, job_id: str, after: int | None = None) -> AsyncGenerator[Any, None]:
    """The deltas of a job's text, without HTTP in between."""
    stream = await schema.subscribe(TEXT, {"id": job_id, "after": after}, context_value=api.context())
    async with aclosing(stream):
        async for result in stream:
            assert isinstance(result, ExecutionResult)
            assert result.errors is None, result.errors
            assert result.data is not None
            yield result.data["jobText"]
