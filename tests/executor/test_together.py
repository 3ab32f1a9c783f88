"""One reading for many who ask at once, none of whom gets what was read before it asked."""

import asyncio
import dataclasses

import pytest

from executor.together import Together

pytestmark = pytest.mark.asyncio


@dataclasses.dataclass
class Source:
    """What is read: the number of readings that have begun, answered when the gate opens."""

    begun: int = 0
    gate: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    broken: bool = False

    async def read(self, key: str) -> str:
        """The number that this reading has."""
        self.begun += 1
        mine = self.begun
        await self.gate.wait()
        if self.broken:
            raise ValueError(key)
        return f"{key}{mine}"


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_those_who_ask_during_a_reading_share_the_next() -> None:
    source = Source()
    together = Together(source.read)
    first = asyncio.create_task(together.join("a"))
    await settled()
    others = [asyncio.create_task(together.join("a")) for _ in range(9)]
    await settled()
    assert source.begun == 1
    source.gate.set()
    assert await first == "a1"
    assert await asyncio.gather(*others) == ["a2"] * 9
    assert await together.join("a") == "a3"


async def test_other_keys_do_not_wait() -> None:
    source = Source()
    together = Together(source.read)
    asked = [asyncio.create_task(together.join(key)) for key in "ab"]
    await settled()
    assert source.begun == 2
    source.gate.set()
    assert await asyncio.gather(*asked) == ["a1", "b2"]


async def test_who_is_cancelled_leaves_the_others_their_answer() -> None:
    source = Source()
    together = Together(source.read)
    first, second = (asyncio.create_task(together.join("a")) for _ in range(2))
    await settled()
    first.cancel()
    source.gate.set()
    assert await second == "a1"
    assert first.cancelled()


async def test_what_a_reading_raises_all_hear_and_the_next_is_tried() -> None:
    source = Source(broken=True)
    together = Together(source.read)
    asked = [asyncio.create_task(together.join("a")) for _ in range(2)]
    source.gate.set()
    heard = await asyncio.gather(*asked, return_exceptions=True)
    assert [str(error) for error in heard] == ["a", "a"]
    source.broken = False
    assert await together.join("a") == "a2"
