"""Whatever brings a picture to the CDN needs the scope PUBLISH."""

from typing import Any

import pytest
from sqlalchemy import select

from resolvers.identity import ALL, Scope
from store.database.tables import Job, JobKind, Role
from tests.client import Api
from tests.isolation import world
from tests.isolation.rows import QUICK

pytestmark = pytest.mark.asyncio

CALL = "mutation ($input: {kind}Input!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}"
CALLS: dict[str, dict[str, Any]] = {
    "approvePost": {"postId": "$post", "variantId": "$candidate"},
    "publishVariant": {"variantId": "$scene"},
    "publishVariants": {"variantIds": ["$scene"]},
    "generateImages": {"prompt": "a", "autoPublish": True, **QUICK},
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(("role", "scopes"), [(Role.REVIEWER, ALL), (Role.EDITOR, ALL - {Scope.PUBLISH})])
async def test_without_the_scope_nothing_is_published(
    api: Api, name: str, role: Role, scopes: frozenset[Scope]
) -> None:
    rita = await api.another("rita", role, scopes)
    mine = await world.build(api.shop.db, rita.viewer.user_id)
    before = await world.fingerprint(api.shop.db, rita.viewer.user_id)

    answer = await rita.run(
        CALL.format(kind=name[0].upper() + name[1:], name=name), input=mine.of(CALLS[name])
    )

    assert answer.code == "FORBIDDEN"
    assert await world.fingerprint(api.shop.db, rita.viewer.user_id) == before
    async with api.shop.db.session() as session:
        assert (await session.scalars(select(Job.id).where(Job.kind == JobKind.PUBLICATION))).all() == []


async def test_pictures_are_made_without_it_where_nothing_is_published(api: Api) -> None:
    rita = await api.another("rita", Role.REVIEWER)

    answer = await rita.run(
        CALL.format(kind="GenerateImages", name="generateImages"), input={"prompt": "a", **QUICK}
    )

    assert answer.data["generateImages"]["userErrors"] == []
