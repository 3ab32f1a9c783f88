"""A toy server for every test that asks for one."""

from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio

from app.graphql.view import GraphQLView
from tests.transport.serving import serving
from tests.transport.toy import Toy, wiring


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
