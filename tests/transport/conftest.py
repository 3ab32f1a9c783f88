"""A toy server for every test that asks for one."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from app.graphql.view import GraphQLView
from tests.transport.serving import serving
from tests.transport.toy import Toy, wiring
from tests.transport.weblike import WebToy


@pytest.fixture
def toy() -> Toy:
    """What the toy resolvers leave behind."""
    return Toy()


@pytest.fixture
def view(toy: Toy) -> GraphQLView:
    """The GraphQL view over the toy schema."""
    return GraphQLView(wiring(toy))


@pytest_asyncio.fixture
async def address(view: GraphQLView) -> AsyncIterator[str]:
    """`host:port` of a server with nothing but the view."""
    async with serving(view) as found:
        yield found


@pytest_asyncio.fixture
async def client(address: str) -> AsyncIterator[httpx2.AsyncClient]:
    """An HTTP client of that server."""
    async with httpx2.AsyncClient(base_url=f"http://{address}") as made:
        yield made


@pytest.fixture
def web(tmp_path: Path) -> WebToy:
    """The parts of a whole toy application."""
    return WebToy(tmp_path)


@pytest_asyncio.fixture
async def site(web: WebToy) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the whole toy application."""
    async with web.client() as made:
        yield made
