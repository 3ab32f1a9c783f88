"""Tells a page of docs/ to a running server: runs its operations with an ordinary GraphQL client."""

import io
import json
import urllib.request
from typing import Any

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.websockets import WebsocketsTransport
from PIL import Image

from tests.patience import PATIENCE
from tests.running import RunningServer
from tests.story.pages import Page


class Telling:
    """One page, one server."""

    def __init__(self, server: RunningServer, page: Page) -> None:
        self.server = server
        self.page = page
        self.told: set[str] = set()

    async def run(self, name: str, **known: str) -> Any:
        """Run one operation of the page; the value of its one field."""
        self.told.add(name)
        document, variables = self.page.operation(name, **known)
        async with Client(
            transport=AIOHTTPTransport(url=f"{self.server.url}/graphql"), execute_timeout=PATIENCE
        ) as session:
            request = gql(document)
            request.variable_values = variables
            [value] = (await session.execute(request)).values()
        return value

    async def done(self, name: str, **known: str) -> Any:
        """As `run`, for what is not refused."""
        value = await self.run(name, **known)
        assert value["userErrors"] == []
        return value

    async def watch(self, name: str, **known: str) -> list[Any]:
        """Every event of a subscription of the page, to its end."""
        self.told.add(name)
        document, variables = self.page.operation(name, **known)
        transport = WebsocketsTransport(
            url=self.server.url.replace("http", "ws") + "/graphql",
            connect_timeout=PATIENCE,
            ack_timeout=PATIENCE,
        )
        async with Client(transport=transport, execute_timeout=PATIENCE) as session:
            request = gql(document)
            request.variable_values = variables
            return [next(iter(event.values())) async for event in session.subscribe(request)]

    def fetch(self, address: str) -> str:
        """The media type of what lies at a picture's address."""
        with urllib.request.urlopen(self.server.url + address) as answer:
            return str(answer.headers["content-type"])


def uploaded(server: RunningServer, side: int = 80) -> str:
    """The id of a picture sent to `POST /uploads`, as curl sends it."""
    picture = io.BytesIO()
    Image.linear_gradient("L").resize((side, side)).convert("RGB").save(picture, "PNG")
    border = b"--border"
    head = b'\r\nContent-Disposition: form-data; name="file"; filename="me.png"\r\n\r\n'
    body = border + head + picture.getvalue() + b"\r\n" + border + b"--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=border", "GraphQL-Require-Preflight": "1"}
    request = urllib.request.Request(f"{server.url}/uploads", body, headers)
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)["uploadId"])
