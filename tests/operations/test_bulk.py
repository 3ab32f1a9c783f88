"""rejectVariants, favoriteVariants, publishVariants, deleteVariants"""

import base64
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from resolvers.identity import Scope
from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import File, Job, JobKind, Role, Variant, VariantStatus
from store.files.vault import Vault
from tests.client import Api, key
from tests.isolation import world
from tests.isolation.world import World
from tests.operations import steps

pytestmark = pytest.mark.asyncio

CALL = """
mutation ($input: %sInput!) {
  %s(input: $input) { results { id userErrors { code message field } } userErrors { code message field } }
}
"""
IMAGES = """
mutation ($input: GenerateImagesInput!) {
  generateImages(input: $input) { job { id variants { nodes { id } } } userErrors { message } }
}
"""


def asking(name: str) -> str:
    return CALL % (name[0].upper() + name[1:], name)


async def called(api: Api, name: str, ids: list[str], **given: Any) -> list[Any]:
    """For each id None, or (code, field) of its refusal."""
    payload = await api.do(asking(name), variantIds=ids, **given)
    assert payload["userErrors"] == []
    assert [result["id"] for result in payload["results"]] == ids
    return [
        (result["userErrors"][0]["code"], result["userErrors"][0]["field"]) if result["userErrors"] else None
        for result in payload["results"]
    ]


async def pictures(api: Api, count: int) -> list[str]:
    """Finished scenes, whose bytes are kept."""
    job = (await api.do(IMAGES, prompt="a lighthouse", count=count, width=64, height=64, steps=2))["job"]
    async with api.working():
        await api.ended(job["id"])
    return [node["id"] for node in job["variants"]["nodes"]]


async def row(db: Database, global_id: str) -> Variant | None:
    async with db.session() as session:
        return await session.get(Variant, key(global_id))


async def build(api: Api) -> World:
    return await world.build(api.shop.db, api.viewer.user_id)


def unknown() -> str:
    return base64.b64encode(f"Variant:{new_id()}".encode()).decode()


async def test_each_id_has_its_own_outcome_and_none_stops_another(api: Api, db: Database) -> None:
    mine = (await build(api)).ids
    bob = await api.another("bob")
    foreign = (await build(bob)).ids["scene"]
    missing = unknown()

    ids = [mine["scene"], foreign, "nonsense", mine["persona"], missing, mine["draft"], mine["spare"]]
    outcomes = await called(api, "rejectVariants", ids, reason="too dark")

    assert outcomes == [
        None,
        ("NOT_FOUND", ["variantIds", "1"]),
        ("INVALID_ID", ["variantIds", "2"]),
        ("NOT_FOUND", ["variantIds", "3"]),
        ("NOT_FOUND", ["variantIds", "4"]),
        ("NOT_SUPPORTED", ["variantIds", "5"]),
        None,
    ]
    scene, untouched = await row(db, mine["scene"]), await row(db, foreign)
    assert scene is not None
    assert untouched is not None
    assert (scene.status, scene.rejection_reason) == (VariantStatus.REJECTED, "too dark")
    assert untouched.status is VariantStatus.DRAFT
    assert (await steps.actions(api)).count("variant.rejected") == 2


async def test_same_id_twice_is_done_once(api: Api) -> None:
    mine = (await build(api)).ids

    assert await called(api, "rejectVariants", [mine["scene"], mine["scene"]]) == [None, None]
    assert (await steps.actions(api)).count("variant.rejected") == 1


async def test_many_are_liked_and_no_longer(api: Api, db: Database) -> None:
    mine = (await build(api)).ids

    await called(api, "favoriteVariants", [mine["scene"], mine["draft"]])
    liked = await row(db, mine["scene"]), await row(db, mine["draft"])
    await called(api, "favoriteVariants", [mine["scene"]], isFavorite=False)

    assert [each.is_favorite for each in liked if each is not None] == [True, True]
    again = await row(db, mine["scene"])
    assert again is not None
    assert again.is_favorite is False


async def test_each_publication_is_a_job_of_its_own(api: Api, db: Database) -> None:
    mine = (await build(api)).ids

    ids = [mine["scene"], mine["spare"], mine["held"], mine["approved_image"]]
    outcomes = await called(api, "publishVariants", ids)

    assert outcomes == [
        None,
        None,
        ("INVALID_STATE", ["variantIds", "2"]),
        ("NOT_SUPPORTED", ["variantIds", "3"]),
    ]
    async with db.session() as session:
        jobs = (await session.scalars(select(Job).where(Job.kind == JobKind.PUBLICATION))).all()
    assert len(jobs) == 2


async def test_publishing_needs_its_scope(api: Api, db: Database) -> None:
    carol = await api.another("carol", Role.EDITOR, frozenset({Scope.READ, Scope.WRITE}))
    ids = (await build(carol)).ids

    answer = await carol.run(asking("publishVariants"), input={"variantIds": [ids["scene"]]})

    assert answer.code == "FORBIDDEN"
    async with db.session() as session:
        assert (await session.scalars(select(Job.id).where(Job.kind == JobKind.PUBLICATION))).all() == []


@pytest.mark.parametrize("name", ["rejectVariants", "favoriteVariants", "publishVariants", "deleteVariants"])
@pytest.mark.parametrize("count", [0, 101])
async def test_none_or_too_many_are_refused_as_a_whole(api: Api, name: str, count: int) -> None:
    mine = (await build(api)).ids["scene"]
    before = await world.fingerprint(api.shop.db, api.viewer.user_id)

    payload = await api.do(asking(name), variantIds=[mine] * count)

    assert payload == {
        "results": None,
        "userErrors": [
            {
                "code": "INVALID_INPUT",
                "message": f"variantIds must have 1 to 100 ids; got {count}.",
                "field": ["variantIds"],
            }
        ],
    }
    assert await world.fingerprint(api.shop.db, api.viewer.user_id) == before


async def test_deleted_pictures_are_gone_with_their_bytes(api: Api, db: Database) -> None:
    first, second = await pictures(api, 2)
    hashes = await _hashes(db)
    vault: Vault = api.shop.vault

    assert await called(api, "deleteVariants", [first]) == [None]
    assert await called(api, "deleteVariants", [first, second]) == [
        ("NOT_FOUND", ["variantIds", "0"]),
        None,
    ]

    assert await row(db, first) is None
    assert await row(db, second) is None
    assert len(hashes) == 2
    assert [name for name in hashes if vault.exists(name)] == []
    assert list(vault.stored()) == []
    assert (await steps.actions(api)).count("variant.deleted") == 2


async def test_bytes_that_somebody_else_needs_stay(api: Api, db: Database) -> None:
    [mine] = await pictures(api, 1)
    bob = await api.another("bob")
    async with db.begin() as session:
        file = (await session.scalars(select(File))).one()
        same = {column: getattr(file, column) for column in File.__mapper__.columns.keys()}  # noqa: SIM118 -- no dict
        session.add(File(**{**same, "id": new_id(), "owner_id": bob.viewer.user_id}))

    assert await called(api, "deleteVariants", [mine]) == [None]

    assert api.shop.vault.exists(file.sha256)
    async with db.session() as session:
        assert [each.owner_id for each in await session.scalars(select(File))] == [bob.viewer.user_id]


async def test_what_is_in_use_is_not_deleted(api: Api, db: Database) -> None:
    mine = (await build(api)).ids
    await _publish(db, key(mine["spare"]))
    await called(api, "publishVariants", [mine["candidate"]])
    before = await world.belongings(db, api.viewer.user_id)

    names = ["draft", "approved_image", "queued", "spare", "candidate", "scene"]
    payload = await api.do(asking("deleteVariants"), variantIds=[mine[name] for name in names])

    told = [result["userErrors"][0] for result in payload["results"]]
    assert {each["code"] for each in told} == {"INVALID_STATE"}
    assert [each["message"].partition(".")[0] for each in told] == [
        "This is the base image of Mira",
        "This is the base image of Tom",
        "The picture is QUEUED",
        "The picture is published; what is public is not deleted here",
        "The picture is being published",
        "The picture is attached to a post",
    ]
    assert await world.belongings(db, api.viewer.user_id) == before


async def test_hundred_ids_fit_into_one_call(api: Api) -> None:
    ids = [unknown() for _ in range(100)]

    outcomes = await called(api, "deleteVariants", ids)

    assert outcomes == [("NOT_FOUND", ["variantIds", str(place)]) for place in range(100)]


async def _hashes(db: Database) -> list[str]:
    async with db.session() as session:
        return list((await session.scalars(select(File.sha256))).all())


async def _publish(db: Database, variant_id: uuid.UUID) -> None:
    async with db.begin() as session:
        variant = await session.get_one(Variant, variant_id)
        variant.status, variant.cdn_url = VariantStatus.PUBLISHED, "https://cdn.example.com/1.png"
