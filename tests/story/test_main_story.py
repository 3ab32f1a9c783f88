"""The main job, told once from beginning to end with an ordinary GraphQL client against the real server."""

import asyncio
import io
import pathlib
import urllib.request
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from gql import Client, FileVar, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.websockets import WebsocketsTransport
from PIL import Image

from tests.patience import PATIENCE
from tests.running import RunningServer

pytestmark = pytest.mark.asyncio

CREATE = gql("""
mutation ($input: CreatePersonaInput!) {
  createPersona(input: $input) { persona { id baseImageStatus appearanceLocked } userErrors { code message field } }
}""")
GENERATE = gql("""
mutation ($input: GenerateBaseImageInput!) {
  generateBaseImage(input: $input) { job { id status } userErrors { code message field } }
}""")
WATCH = gql("""
subscription ($job: ID!) {
  jobProgress(jobId: $job) {
    sequence status phase fraction
    variants { step steps fraction preview { dataUri width height } variant { id status } }
  }
}""")
CANCEL = gql("""
mutation ($input: CancelJobInput!) { cancelJob(input: $input) { job { id status } userErrors { message } } }""")
REJECT = gql("""
mutation ($input: RejectBaseImageInput!) {
  rejectBaseImage(input: $input) { subject { baseImageStatus baseImage { id } } userErrors { message } }
}""")
UPLOAD = gql("""
mutation ($input: UploadBaseImageInput!) {
  uploadBaseImage(input: $input) {
    subject { baseImageStatus baseImage { id source width height } } userErrors { code message field }
  }
}""")
APPROVE = gql("""
mutation ($input: ApproveBaseImageInput!) {
  approveBaseImage(input: $input) { subject { baseImageStatus appearanceLocked } userErrors { code message } }
}""")
UPDATE = gql("""
mutation ($input: UpdatePersonaInput!) {
  updatePersona(input: $input) { persona { appearance } userErrors { code field } }
}""")
HISTORY = gql("""
query ($id: ID!) {
  node(id: $id) {
    ... on Persona {
      name baseImageStatus appearanceLocked baseImage { id url thumbnailUrl }
      baseImageHistory { totalCount nodes {
        id versionNumber status source rejectionReason seed fileName conditioning { kind } parameters url
      } }
    }
  }
}""")


@pytest.fixture
def server(database_url: str, tmp_path: pathlib.Path) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path / "data", {"DATABASE_URL": database_url})
    running.start()
    yield running
    running.close()


async def ask(server: RunningServer, document: Any, **variables: Any) -> dict[str, Any]:
    transport = AIOHTTPTransport(url=f"{server.url}/graphql", headers={"GraphQL-Require-Preflight": "1"})
    async with Client(transport=transport, execute_timeout=PATIENCE) as session:
        document.variable_values = variables
        uploads = any(isinstance(value, FileVar) for value in variables.get("input", {}).values())
        answer: dict[str, Any] = await session.execute(document, upload_files=uploads)
        return answer


async def watch(server: RunningServer, job: str) -> AsyncIterator[dict[str, Any]]:
    transport = WebsocketsTransport(
        url=server.url.replace("http", "ws") + "/graphql", connect_timeout=PATIENCE, ack_timeout=PATIENCE
    )
    async with Client(transport=transport, execute_timeout=PATIENCE) as session:
        WATCH.variable_values = {"job": job}
        async for event in session.subscribe(WATCH):
            yield event["jobProgress"]


async def generate(server: RunningServer, subject: str, **wanted: Any) -> list[dict[str, Any]]:
    """Every event of one generation."""
    answer = await ask(server, GENERATE, input={"subjectId": subject, **wanted})
    assert answer["generateBaseImage"]["userErrors"] == []
    return [event async for event in watch(server, answer["generateBaseImage"]["job"]["id"])]


def photograph() -> io.BytesIO:
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize((96, 80)).convert("RGB").save(buffer, "JPEG")
    buffer.name = "../../me.jpg"
    buffer.seek(0)
    return buffer


def fetched(server: RunningServer, address: str) -> Image.Image:
    with urllib.request.urlopen(server.url + address) as answer:
        return Image.open(io.BytesIO(answer.read()))


async def test_persona_is_created_drawn_rejected_refined_uploaded_approved_and_kept(
    server: RunningServer,
) -> None:
    created = await ask(
        server, CREATE, input={"name": "Ada", "appearance": "professional woman in her early 30s, dark hair"}
    )
    persona = created["createPersona"]["persona"]
    assert (persona["baseImageStatus"], persona["appearanceLocked"]) == ("PENDING_UPLOAD", False)

    events = await generate(server, persona["id"], count=2, steps=8, seed=7)
    sequences = [int(event["sequence"]) for event in events]
    assert sequences == sorted(set(sequences))
    assert events[-1]["status"] == "SUCCEEDED"
    assert [variant["variant"]["status"] for variant in events[-1]["variants"]] == ["DRAFT", "DRAFT"]
    steps = {variant["step"] for event in events for variant in event["variants"]}
    assert {1, 8} <= steps | {1}
    assert len(steps) > 2
    previews = [variant["preview"] for event in events for variant in event["variants"] if variant["preview"]]
    assert previews[0]["dataUri"].startswith("data:image/webp;base64,")

    answer = await ask(
        server, GENERATE, input={"subjectId": persona["id"], "steps": 1000, "fromScratch": True}
    )
    job = answer["generateBaseImage"]["job"]["id"]
    async for event in watch(server, job):
        if event["status"] == "RUNNING" and event["phase"] == "DENOISING":
            break
    canceled = await ask(server, CANCEL, input={"jobId": job})
    assert canceled["cancelJob"]["job"]["status"] == "CANCELED"
    assert [event["status"] async for event in watch(server, job)] == ["CANCELED"]

    rejected = await ask(server, REJECT, input={"subjectId": persona["id"], "reason": "too noisy"})
    assert rejected["rejectBaseImage"]["subject"]["baseImageStatus"] == "DRAFT"

    refined = await generate(server, persona["id"], count=1, steps=8)
    assert refined[-1]["status"] == "SUCCEEDED"

    uploaded = await ask(server, UPLOAD, input={"subjectId": persona["id"], "file": FileVar(photograph())})
    assert uploaded["uploadBaseImage"]["userErrors"] == []
    assert uploaded["uploadBaseImage"]["subject"]["baseImage"]["source"] == "UPLOAD"

    approved = await ask(server, APPROVE, input={"subjectId": persona["id"]})
    assert approved["approveBaseImage"]["subject"] == {
        "baseImageStatus": "APPROVED",
        "appearanceLocked": True,
    }

    locked = await ask(server, UPDATE, input={"subjectId": persona["id"], "appearance": "somebody else"})
    assert locked["updatePersona"]["userErrors"] == [{"code": "APPEARANCE_LOCKED", "field": ["appearance"]}]

    assert server.end() == 0
    server.start()

    after = (await ask(server, HISTORY, id=persona["id"]))["node"]
    assert (after["baseImageStatus"], after["appearanceLocked"]) == ("APPROVED", True)
    history = after["baseImageHistory"]["nodes"]
    assert [(one["versionNumber"], one["status"], one["source"]) for one in history] == [
        (5, "APPROVED", "UPLOAD"),
        (4, "DRAFT", "LOCAL"),
        (3, "CANCELED", "LOCAL"),
        (2, "REJECTED", "LOCAL"),
        (1, "DRAFT", "LOCAL"),
    ]
    assert history[3]["rejectionReason"] == "too noisy"
    assert {"kind": "INIT_IMAGE"} in history[1]["conditioning"]
    assert "demo checkpoint" in str(history[4]["parameters"]["note"])
    assert fetched(server, after["baseImage"]["url"]).size == (96, 80)
    assert max(fetched(server, after["baseImage"]["thumbnailUrl"]).size) <= 256


async def test_watcher_that_comes_back_sees_the_same_end(server: RunningServer) -> None:
    created = await ask(server, CREATE, input={"name": "Grace", "appearance": "a navy officer"})
    subject = created["createPersona"]["persona"]["id"]
    answer = await ask(server, GENERATE, input={"subjectId": subject, "steps": 40})
    job = answer["generateBaseImage"]["job"]["id"]

    async for _ in watch(server, job):
        break
    ends = await asyncio.gather(*(_last(server, job) for _ in range(3)))

    assert [end["status"] for end in ends] == ["SUCCEEDED"] * 3
    assert len({end["sequence"] for end in ends}) == 1


async def _last(server: RunningServer, job: str) -> dict[str, Any]:
    return [event async for event in watch(server, job)][-1]
