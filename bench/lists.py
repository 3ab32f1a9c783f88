"""How long a page of each list takes among a million pictures, and whether it finds them by an index.

    DATABASE_URL=postgresql://… python -m bench.lists [--variants 1000000] [--users 200] [--rounds 20]

Fills an empty, migrated database (minutes), then asks for the first fifty of each list that tests/plans asks for, with
its count; prints the median and the slowest in milliseconds, and "seq" where a big table was read from end to end.
Without DATABASE_URL it uses a private PostgreSQL in a temporary folder.
"""

import argparse
import asyncio
import dataclasses
import json
import os
import pathlib
import statistics
import tempfile
import time
from typing import Any

from resolvers.identity import ALL, Viewer, create_key
from store.database import migrate
from store.database.embedded import start_embedded
from store.database.sessions import Database, PoolOptions
from store.database.tables import Role
from tests import client
from tests.client import Api
from tests.plans import crowd, lists, test_plans

ME = test_plans.ME
PAGE = 50


async def main(size: crowd.Crowd, rounds: int) -> None:
    """Fill, ask, print."""
    url = os.environ.get("DATABASE_URL")
    with tempfile.TemporaryDirectory() as folder:
        embedded = None if url else await start_embedded(pathlib.Path(folder))
        db = Database(url or embedded.url, PoolOptions(statement_s=3600.0))  # type: ignore[union-attr]  # one of the two is there
        await migrate.upgrade(db.engine)
        began = time.monotonic()
        await crowd.fill(db, size)
        print(
            f"{size.variants:,} pictures of {size.users} people, filled in {time.monotonic() - began:.0f} s"
        )
        async with client.serving(db, pathlib.Path(folder) / "files") as api:
            me = Viewer(
                user_id=await crowd.thing(db, "user", ME, 0), role=Role.OWNER, scopes=ALL, handle=f"user {ME}"
            )
            secret = await create_key(db, me.user_id, "me")
            await measure(dataclasses.replace(api, viewer=me, secret=secret), rounds)
        await db.close()
        if embedded is not None:
            await embedded.stop()


async def measure(api: Api, rounds: int) -> None:
    """One row a way of asking."""
    print("| list | asked | median ms | slowest ms | plan |\n| --- | --- | --- | --- | --- |")
    for name, given in test_plans.every_list():
        found = lists.LISTS[name]
        asked = test_plans.document(name, found, given)
        variables = await test_plans.ready(api, given)
        if found.of is not None:
            variables["of"] = await test_plans.thing(api, found.of)
        with test_plans.selects(api) as seen:
            took = [await timed(api, asked, variables) for _ in range(rounds)]
        walked = await test_plans.walked(api, seen[: len(seen) // rounds])
        print(
            f"| {name} | {json.dumps(given)} | {statistics.median(took):.1f} | {max(took):.1f} "
            f"| {'seq ' + ', '.join(sorted({table for table, _ in walked})) if walked else 'index'} |"
        )


async def timed(api: Api, asked: str, variables: dict[str, Any]) -> float:
    """Milliseconds of one request, HTTP parsing and JSON included."""
    began = time.perf_counter()
    answer = await api.run(asked, **variables, first=PAGE)
    assert answer.data
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--variants", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=20)
    chosen = parser.parse_args()
    asyncio.run(main(crowd.Crowd(users=chosen.users, variants=chosen.variants), chosen.rounds))
