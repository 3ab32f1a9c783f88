"""Personas and images, told as docs/personas.md and docs/images.md tell it, on the real server."""

import io
import json
import pathlib
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.websockets import WebsocketsTransport
from PIL import Image

from tests.running import RunningServer
from tests.story.pages import Page

pytestmark = pytest.mark.asyncio
PERSONAS, IMAGES = Page("docs/personas.md"), Page("docs/images.md")


@pytest.fixture
def server(database_url: str, tmp_path: pathlib.Path) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path / "data", {"DATABASE_URL": database_url})
    running.start()
    yield running
    running.close()


async def run(server: RunningServer, page: Page, name: str, **known: str) -> Any:
    """Run one operation of a page; the value of its one field."""
    document, variables = page.operation(name, **known)
    async with Client(transport=AIOHTTPTransport(url=f"{server.url}/graphql")) as session:
        request = gql(document)
        request.variable_values = variables
        [value] = (await session.execute(request)).values()
    return value


async def watched(server: RunningServer, page: Page, name: str, job: str) -> list[Any]:
    """Every state of a job to its end."""
    document, variables = page.operation(name, job=job)
    transport = WebsocketsTransport(url=server.url.replace("http", "ws") + "/graphql")
    async with Client(transport=transport) as session:
        request = gql(document)
        request.variable_values = variables
        return [event["jobProgress"] async for event in session.subscribe(request)]


def uploaded(server: RunningServer) -> str:
    """The id of a picture sent to `POST /uploads`, as curl sends it."""
    picture = io.BytesIO()
    Image.linear_gradient("L").resize((80, 80)).convert("RGB").save(picture, "PNG")
    border = b"--border"
    head = b'\r\nContent-Disposition: form-data; name="file"; filename="me.png"\r\n\r\n'
    body = border + head + picture.getvalue() + b"\r\n" + border + b"--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=border", "GraphQL-Require-Preflight": "1"}
    request = urllib.request.Request(f"{server.url}/uploads", body, headers)
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)["uploadId"])


async def approved(server: RunningServer) -> str:
    """Story A, to the locked appearance; the persona's id."""
    persona = str((await run(server, PERSONAS, "NewPersona"))["persona"]["id"])
    job = (await run(server, PERSONAS, "DrawBaseImage", persona=persona))["job"]["id"]
    events = await watched(server, PERSONAS, "BaseImageProgress", job)
    assert [variant["variant"]["status"] for variant in events[-1]["variants"]] == ["DRAFT", "DRAFT"]
    rejected = await run(server, PERSONAS, "RejectBaseImage", persona=persona)
    assert rejected["subject"]["baseImageStatus"] == "DRAFT"
    sent = await run(server, PERSONAS, "UseUpload", persona=persona, upload=uploaded(server))
    assert (sent["userErrors"], sent["variant"]["source"]) == ([], "UPLOAD")
    locked = await run(server, PERSONAS, "ApproveBaseImage", persona=persona)
    assert locked["subject"] == {"baseImageStatus": "APPROVED", "appearanceLocked": True}
    return persona


async def test_persona_is_approved_and_pictures_of_it_are_made_and_judged(server: RunningServer) -> None:
    persona = await approved(server)
    refused = await run(server, PERSONAS, "ChangeTheLook", persona=persona)
    assert [error["code"] for error in refused["userErrors"]] == ["APPEARANCE_LOCKED"]
    history = (await run(server, PERSONAS, "History", persona=persona))["baseImageHistory"]
    assert [one["status"] for one in history["nodes"]] == ["APPROVED", "REJECTED", "DRAFT"]

    estimate = await run(server, IMAGES, "Estimate")
    assert (float(estimate["costUsd"]), estimate["imagesLeftToday"]) == (0.0, None)
    presets = {preset["key"] for preset in await run(server, IMAGES, "Presets")}
    assert {"portrait", "product", "avatar", "scene", "poster", "thumbnail", "draft", "print"} <= presets

    begun = await run(server, IMAGES, "Draw", persona=persona)
    assert (begun["userErrors"], begun["job"]["title"], begun["job"]["project"]) == ([], "Kitchen", "spring")
    again = await run(server, IMAGES, "Draw", persona=persona)
    assert again["job"]["id"] == begun["job"]["id"]
    events = await watched(server, IMAGES, "Progress", begun["job"]["id"])
    assert events[-1]["status"] == "SUCCEEDED"

    pictures = (await run(server, IMAGES, "Pictures", job=begun["job"]["id"]))["variants"]["nodes"]
    assert [one["versionNumber"] for one in pictures] == [1, 2]
    assert [one["enhancedBy"] for one in pictures] == ["template", "template"]
    assert all("sunny kitchen" in one["composedPrompt"] for one in pictures)
    assert pictures[0]["seed"] != pictures[1]["seed"]
    assert {"PROMPT"} < {held["kind"] for held in pictures[0]["conditioning"]}

    rated = await run(server, IMAGES, "Rate", variant=pictures[0]["id"])
    assert rated["variant"]["rating"] == 5

    further = (await run(server, IMAGES, "GoOn", job=begun["job"]["id"]))["job"]
    assert (further["title"], further["continues"]["id"]) == ("Kitchen", begun["job"]["id"])
    assert further["series"]["totalCount"] == 3
    await watched(server, IMAGES, "Progress", further["id"])

    usage = (await run(server, IMAGES, "Usage"))["usage"]
    assert (usage["imagesToday"], float(usage["heldUsd"])) == (5, 0.0)
