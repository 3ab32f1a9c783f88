"""Hosted models from the mutation to the stored picture: what is asked of them, what is kept, and what never is."""

import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from sqlalchemy import text

from generators.hosted.generator import HostedGenerator
from generators.hosted.settings import HostedSettings
from generators.spec import FileRef
from store.database.sessions import Database
from store.database.tables import Table
from store.files.vault import Vault
from tests import client
from tests.client import Api, refused
from tests.executor import workshop
from tests.peers import gemini, openai, recraft, replicate
from tests.peers.clock import VirtualTime
from tests.peers.serving import Served, serving

pytestmark = pytest.mark.asyncio
KEYS = {
    "openai_api_key": openai.KEY,
    "replicate_api_token": replicate.TOKEN,
    "recraft_api_token": recraft.TOKEN,
    "gemini_api_key": gemini.KEY,
}
CREATE = """
mutation ($input: CreatePersonaInput!) {
  createPersona(input: $input) { persona { id } userErrors { message } }
}
"""
GENERATE = """
mutation ($input: GenerateBaseImageInput!) {
  generateBaseImage(input: $input) { job { id } userErrors { code message field } }
}
"""
JOB = """
query ($id: ID!) {
  node(id: $id) {
    ... on Job {
      status
      failure { code message }
      variants { nodes { status source modelKey composedPrompt parameters url
                         conditioning { kind } failure { code message } } }
    }
  }
}
"""
APPEARANCE, PERSONALITY = "a baker with grey eyes", "patient and warm"


@dataclasses.dataclass
class World:
    """The application, four providers and their time."""

    api: Api
    time: VirtualTime
    peers: dict[str, Any]
    served: dict[str, Served]

    async def base_image(self, model: str) -> Any:
        """A persona's base image by that model; the job as a client sees it."""
        asked = {"name": "Mira", "appearance": APPEARANCE, "personality": PERSONALITY}
        persona = (await self.api.do(CREATE, **asked))["persona"]["id"]
        payload = await self.api.do(GENERATE, subjectId=persona, model=model)
        assert payload["userErrors"] == []
        async with self.api.working():
            await self.api.ended(payload["job"]["id"])
        return await self.job(payload["job"]["id"]) | {"id": payload["job"]["id"]}

    async def job(self, job_id: str) -> Any:
        """As it is now."""
        return (await self.api.run(JOB, id=job_id)).data["node"]


@contextlib.asynccontextmanager
async def opened(db: Database, folder: Path, **keys: str | None) -> AsyncIterator[World]:
    """`keys` take the place of the right ones."""
    time = VirtualTime()
    peers: dict[str, Any] = {
        "openai": openai.OpenAIPeer(),
        "replicate": replicate.ReplicatePeer(lambda: time.now),
        "recraft": recraft.RecraftPeer(),
        "gemini": gemini.GeminiPeer(),
    }
    vault = Vault(folder)

    async def open_file(file: FileRef) -> bytes:
        return await vault.read_async(file.sha256)

    with contextlib.ExitStack() as stack:
        served = {name: stack.enter_context(serving(peer.app)) for name, peer in peers.items()}
        for name, peer in peers.items():
            peer.base = served[name].url
        settings: dict[str, Any] = {
            **KEYS,
            "openai_base_url": f"{served['openai'].url}/v1",
            "replicate_base_url": served["replicate"].url,
            "recraft_base_url": f"{served['recraft'].url}/v1",
            "google_gemini_base_url": served["gemini"].url,
            "hosted_allow_private": True,
            **keys,
        }
        hosted = HostedGenerator(HostedSettings(**settings), open_file, time.clock())
        quiet: dict[str, Any] = {"lease_seconds": 30.0, "heartbeat_seconds": 5.0}
        async with client.serving(db, folder, workshop.scripted(), hosted, **quiet) as api:
            try:
                yield World(api, time, peers, served)
            finally:
                await hosted.close()


@pytest_asyncio.fixture
async def world(db: Database, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(db, tmp_path) as world:
        yield world


async def everything(db: Database) -> str:
    """Every row of every table, as one text."""
    async with db.session() as session:
        rows = [
            str(row)
            for table in Table.metadata.sorted_tables
            for row in await session.scalars(text(f'SELECT to_jsonb(t)::text FROM "{table.name}" AS t'))
        ]
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("model", "provider", "quality"),
    [
        ("gpt-image-2.6-flare", "openai", "max"),
        ("gpt-image-2", "openai", "high"),
        ("gemini-nano-banana-2.1", "gemini", None),
        ("recraft-v3", "recraft", None),
        ("flux-1.1-pro", "replicate", None),
        ("flux-schnell", "replicate", None),
        ("ideogram-v2", "replicate", None),
        ("ideogram-v3", "replicate", "quality"),
        ("seedream-4.5", "replicate", None),
        ("sdxl", "replicate", None),
    ],
)
async def test_hosted_base_image_is_a_cloud_draft_at_the_models_best(
    world: World, model: str, provider: str, quality: str | None
) -> None:
    job = await world.base_image(model)

    [variant] = job["variants"]["nodes"]
    assert (variant["status"], variant["source"], variant["modelKey"]) == ("DRAFT", "CLOUD", model)
    shown = {name: variant["parameters"].get(name) for name in ("width", "height", "quality")}
    assert shown == {"width": 1024, "height": 1024, "quality": quality}
    assert APPEARANCE in variant["composedPrompt"]
    assert PERSONALITY in variant["composedPrompt"]
    peer = world.peers[provider]
    [asked] = [row["input"] for row in peer.predictions.values()] if provider == "replicate" else peer.bills
    assert variant["composedPrompt"] in str(asked)
    if provider == "openai":
        assert (asked["quality"], asked["size"]) == (quality, "1024x1024")


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        ("gpt-image-2.6-flare", "OPENAI_API_KEY"),
        ("flux-1.1-pro", "REPLICATE_API_TOKEN"),
        ("recraft-v4.1", "RECRAFT_API_TOKEN"),
        ("gemini-nano-banana-2.1", "GEMINI_API_KEY"),
    ],
)
async def test_model_without_its_key_is_refused_naming_the_variable(
    db: Database, tmp_path: Path, model: str, variable: str
) -> None:
    async with opened(db, tmp_path, **{variable.lower(): None}) as world:
        persona = (await world.api.do(CREATE, name="Mira", appearance=APPEARANCE))["persona"]["id"]
        payload = await world.api.do(GENERATE, subjectId=persona, model=model)
        assert refused(payload) == (
            "MODEL_UNAVAILABLE",
            f"{model} is not available. Check {variable} configuration",
            ["model"],
        )
        assert [served.faults.requests for served in world.served.values()] == [[]] * 4


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("dall-e-3", "DALL-E 3 was retired on 2026-05-12; use gpt-image-2.5-sunburst."),
        ("imagen-3", "Imagen 3 was retired on 2026-08-17; use gemini-nano-banana-2.1."),
    ],
)
async def test_retired_model_is_refused_naming_its_successor(world: World, model: str, words: str) -> None:
    persona = (await world.api.do(CREATE, name="Mira", appearance=APPEARANCE))["persona"]["id"]
    payload = await world.api.do(GENERATE, subjectId=persona, model=model)
    assert refused(payload) == ("MODEL_UNAVAILABLE", words, ["model"])


async def test_more_steps_than_a_model_takes_are_refused_naming_how_many_it_does(world: World) -> None:
    persona = (await world.api.do(CREATE, name="Mira", appearance=APPEARANCE))["persona"]["id"]
    payload = await world.api.do(GENERATE, subjectId=persona, model="flux-schnell", steps=50)
    assert refused(payload) == ("INVALID_INPUT", "FLUX.1 schnell takes 1 to 4 steps; got 50.", ["steps"])
    job = await world.base_image("flux-schnell")
    [variant] = job["variants"]["nodes"]
    [prediction] = world.peers["replicate"].predictions.values()
    assert variant["parameters"]["steps"] == prediction["input"]["num_inference_steps"] == 4


@pytest.mark.parametrize("provider", ["replicate", "recraft"])
async def test_links_die_within_a_day_and_ours_live(world: World, provider: str) -> None:
    if provider == "recraft":
        world.peers["recraft"].behave = ["url"]
    job = await world.base_image("flux-schnell" if provider == "replicate" else "recraft-v4")
    [before] = job["variants"]["nodes"]
    bytes_before = (await world.api.http.get(before["url"])).content

    world.time.now += 24 * 3600
    world.peers["recraft"].links_live = False

    base = world.peers[provider].base
    theirs = f"{base}/delivery/p0000.png" if provider == "replicate" else f"{base}/img/a.png"
    async with httpx2.AsyncClient(trust_env=False) as outside:
        assert (await outside.get(theirs)).status_code in (403, 404)
    [after] = (await world.job(job["id"]))["variants"]["nodes"]
    ours = await world.api.http.get(after["url"])
    assert (ours.status_code, ours.content) == (200, bytes_before)
    assert after["url"].startswith("/files/")
    assert base not in await everything(world.api.shop.db)  # no address of theirs is kept anywhere


@pytest.mark.parametrize(
    ("model", "setting"),
    [
        ("gpt-image-2.6-flare", "openai_api_key"),
        ("flux-schnell", "replicate_api_token"),
        ("recraft-v4", "recraft_api_token"),
        ("gemini-nano-banana-2.1", "gemini_api_key"),
    ],
)
async def test_key_is_in_no_row_no_log_and_no_answer(
    db: Database, tmp_path: Path, model: str, setting: str, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    secret = f"{KEYS[setting]}-canary-of-this-test"
    with caplog.at_level(logging.DEBUG):
        async with opened(db, tmp_path, **{setting: secret}) as world:
            echo = f'{{"error": {{"message": "{secret} is wrong"}}, "detail": "{secret}", "message": "{secret}"}}'
            for served in world.served.values():
                served.faults.add("answer", status=401, body=echo.encode())
            job = await world.base_image(model)
            metrics = (await world.api.run("{ models { key available unavailableReason } }")).body
        rows = await everything(db)

    assert (job["status"], job["failure"]["code"]) == ("FAILED", "AUTHENTICATION")
    assert "[key]" in job["failure"]["message"]
    said = capfd.readouterr()
    for where in (rows, caplog.text, said.out, said.err, repr(job), repr(metrics)):
        assert "canary-of-this-test" not in where
