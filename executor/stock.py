"""Stock photographs: searches that are remembered for a day, and single photographs with their bytes.

Knows the provider and the rows that remember; knows no viewer.
"""

import dataclasses
import datetime
import json
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from generators.hosted.pexels import Pexels, StockPhoto
from store.database.sessions import Database
from store.database.tables import StockSearch

KEPT = datetime.timedelta(hours=24)  # what Pexels recommends
PROVIDER = "pexels"
QUERY = 100  # characters


class Stock:
    """The one provider there is. Every method raises Trouble when it does not answer."""

    def __init__(self, db: Database, pexels: Pexels) -> None:
        self._db = db
        self._pexels = pexels

    async def search(self, query: str, *, first: int, orientation: str | None) -> list[StockPhoto]:
        """Photographs for a query of at most QUERY characters; `first` 1..80. Asked once a day for the same."""
        asked = json.dumps([" ".join(query.lower().split()), first, orientation], ensure_ascii=False)
        async with self._db.session() as session:
            remembered = await session.scalar(
                select(StockSearch.answer).where(
                    StockSearch.provider == PROVIDER,
                    StockSearch.asked == asked,
                    StockSearch.created_at > func.clock() - KEPT,
                )
            )
        if remembered is not None:
            return [StockPhoto(**row) for row in remembered]
        found = await self._pexels.search(query, first=first, orientation=orientation)
        async with self._db.begin() as session:
            await _remember(session, asked, [dataclasses.asdict(photo) for photo in found])
        return list(found)

    async def photo(self, number: int) -> StockPhoto:
        """One photograph by its number."""
        return await self._pexels.photo(number)

    async def data(self, photo: StockPhoto) -> bytes:
        """Its bytes, as they come from outside: not decoded, not cleaned."""
        made = await self._pexels.fetch(photo)
        return made.data


async def _remember(session: AsyncSession, asked: str, answer: list[dict[str, Any]]) -> None:
    await session.execute(delete(StockSearch).where(StockSearch.created_at <= func.clock() - KEPT))
    row = insert(StockSearch).values(provider=PROVIDER, asked=asked, answer=answer)
    fresh = {"answer": row.excluded.answer, "created_at": func.clock()}
    await session.execute(row.on_conflict_do_update(index_elements=["provider", "asked"], set_=fresh))
