"""Fixtures for every test: a database of its own, and an environment in which nothing reaches the network.

`database_url`  the URL of a fresh, migrated database; give it to a server under test as DATABASE_URL
`db`            a `store.database.sessions.Database` on it
`databases`     `databases.create()` and `databases.drop(url)` for fixtures of a wider scope
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

FOREIGN = re.compile(
    r"(_API_KEY|_API_TOKEN|_API_SECRET)$|^(AWS|CLOUDINARY|HF|OTEL|OPENAI|REPLICATE|GEMINI|GOOGLE|PG)_?"
    r"|^(ALL|HTTPS?|NO)_PROXY$|^(DATABASE_URL|DATA_DIR|HOST|PORT|PUBLIC_URL)$",
    re.IGNORECASE,
)
for name in [name for name in os.environ if FOREIGN.search(name)]:
    del os.environ[name]
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "NO_PROXY": "localhost,127.0.0.1,::1",
    "no_proxy": "localhost,127.0.0.1,::1",
    "OMP_NUM_THREADS": "1",
}

import pytest  # noqa: E402 - libraries read the environment when they are imported
import pytest_asyncio  # noqa: E402

from generators.diffusion.importing import uncollected  # noqa: E402
from store.database.sessions import Database, PoolOptions  # noqa: E402
from tests.postgres import Cluster, Copies  # noqa: E402

pytest_plugins = ["tests.skips"]
CLUSTER = pytest.StashKey[Cluster]()


def cluster_of(config: pytest.Config) -> Cluster:
    """The one cluster of this process, started at first use."""
    if CLUSTER not in config.stash:
        config.stash[CLUSTER] = asyncio.run(Cluster.start())
    return config.stash[CLUSTER]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Looking for garbage among what the tests loaded took a fifth of their time."""
    with uncollected():
        return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist, in the controller: tell each worker where the database is."""
    cluster = cluster_of(node.config)
    node.workerinput["postgres"] = (cluster.url, cluster.template)


def pytest_unconfigure(config: pytest.Config) -> None:
    if CLUSTER in config.stash:
        asyncio.run(config.stash[CLUSTER].stop())


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Iterator[Copies]:
    """Makes and drops migrated databases; synchronous."""
    told = getattr(request.config, "workerinput", None)
    if told:
        url, template = told["postgres"]
        copies = Copies(url, template, told["workerid"])
    else:
        cluster = cluster_of(request.config)
        copies = Copies(cluster.url, cluster.template, "main")
    yield copies
    copies.close()


@pytest.fixture
def database_url(databases: Copies) -> Iterator[str]:
    """A fresh, migrated database; dropped after the test, whoever is still connected."""
    url = databases.create()
    yield url
    databases.drop(url)


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """A `Database` on `database_url`, closed after the test."""
    database = Database(database_url, PoolOptions(wait_s=120.0))  # 200 at once on a slow machine
    yield database
    await database.close()
