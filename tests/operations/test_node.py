"""query node"""

import base64

import pytest

from store.database.ids import new_id
from tests.client import Api, key
from tests.operations import steps

pytestmark = pytest.mark.asyncio

NODE = """
query ($id: ID!) {
  node(id: $id) {
    __typename
    id
    ... on Subject { name }
    ... on Variant { versionNumber }
    ... on Job { kind }
    ... on User { handle }
  }
}
"""


async def test_every_kind_of_node_is_found_by_its_id(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira)
    [variant] = job["variants"]["nodes"]
    viewer = (await api.run("{ viewer { id } }")).data["viewer"]["id"]
    found = [(await api.run(NODE, id=each)).data["node"] for each in (mira, job["id"], variant["id"], viewer)]
    assert found == [
        {"__typename": "Persona", "id": mira, "name": "Mira"},
        {"__typename": "Job", "id": job["id"], "kind": "IMAGE"},
        {"__typename": "Variant", "id": variant["id"], "versionNumber": 1},
        {"__typename": "User", "id": viewer, "handle": "owner"},
    ]


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "nonsense",
        "é",
        "Persona:1",
        encoded("Persona"),
        encoded("Persona:1"),
        encoded("Persona:{01a1f76f-160a-7677-9a61-5d1bc6309238}"),
        encoded("Persona:01A1F76F-160A-7677-9A61-5D1BC6309238"),
        encoded("Nobody:01a1f76f-160a-7677-9a61-5d1bc6309238"),
        encoded("Task:01a1f76f-160a-7677-9a61-5d1bc6309238"),
        encoded("Persona:01a1f76f-160a-7677-9a61-5d1bc6309238") + "\n",
        "A" * 100_000,
    ],
)
async def test_malformed_id_is_null_without_a_statement(api: Api, malformed: str) -> None:
    with api.statements() as statements:
        answer = await api.run(NODE, id=malformed)
    assert answer.data == {"node": None}
    assert statements == []


async def test_missing_and_foreign_ids_are_null(api: Api) -> None:
    mira = await steps.persona(api)
    job = await steps.generated(api, mira)
    bob = await api.another("bob")
    viewer = (await api.run("{ viewer { id } }")).data["viewer"]["id"]
    for each in (mira, job["id"], job["variants"]["nodes"][0]["id"], viewer):
        assert (await bob.run(NODE, id=each)).data == {"node": None}
    assert (await api.run(NODE, id=encoded(f"Persona:{new_id()}"))).data == {"node": None}


async def test_id_under_another_type_name_is_null(api: Api) -> None:
    mira = await steps.persona(api)
    assert (await api.run(NODE, id=encoded(f"Variant:{key(mira)}"))).data == {"node": None}


async def test_upload_is_no_node(api: Api) -> None:
    assert (await api.run(NODE, id=encoded(f"Upload:{new_id()}"))).data == {"node": None}
