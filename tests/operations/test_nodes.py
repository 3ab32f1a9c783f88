"""query nodes"""

import pytest

from tests.client import Api
from tests.operations import steps

pytestmark = pytest.mark.asyncio

NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


async def test_nodes_come_in_order_with_null_for_what_cannot_be_seen(api: Api) -> None:
    mira, tom = await steps.persona(api), await steps.persona(api, "Tom")
    job = await steps.generated(api, mira)
    bob = await api.another("bob")
    his = await steps.persona(bob)
    with api.statements() as statements:
        answer = await api.run(NODES, ids=[tom, "nonsense", job["id"], his, mira, tom])
    assert answer.data["nodes"] == [
        {"__typename": "Persona", "id": tom},
        None,
        {"__typename": "Job", "id": job["id"]},
        None,
        {"__typename": "Persona", "id": mira},
        {"__typename": "Persona", "id": tom},
    ]
    assert len(statements) == 2  # one for each table


async def test_no_ids_are_no_nodes(api: Api) -> None:
    assert (await api.run(NODES, ids=[])).data == {"nodes": []}


async def test_more_than_a_page_of_ids_is_refused(api: Api) -> None:
    assert len((await api.run(NODES, ids=["x"] * 100)).data["nodes"]) == 100
    answer = await api.run(NODES, ids=["x"] * 101)
    assert answer.code == "BAD_USER_INPUT"
    assert answer.errors[0]["message"] == "`ids` must have at most 100 ids; got 101."
