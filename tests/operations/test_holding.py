"""generateImages.conditioning: a locked look is held by the strongest way, and other ways add up with it."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from generators.catalog import Capability, Model, Provider, Size
from schema.ids import encode
from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import Adapter, Task
from tests.client import Api, key, refused, serving
from tests.operations import steps
from tests.operations.catalogs import READY, Catalog
from tests.peers.pictures import picture

pytestmark = pytest.mark.asyncio

GENERATE = """
mutation ($input: GenerateImagesInput!) {
  generateImages(input: $input) {
    job { variants { nodes { conditioning { kind weight source { id } adapter { id } } } } }
    userErrors { code message field }
  }
}
"""
ACTIVATE = """
mutation ($input: ActivateAdapterInput!) {
  activateAdapter(input: $input) { userErrors { code } }
}
"""
REFINE = """
mutation ($input: GenerateBaseImageInput!) {
  generateBaseImage(input: $input) {
    job { variants { nodes { conditioning { kind weight source { id } } } } }
    userErrors { code message field }
  }
}
"""
ABLE = frozenset(
    {
        Capability.TEXT_TO_IMAGE,
        Capability.IMAGE_TO_IMAGE,
        Capability.REFERENCE_IMAGES,
        Capability.CONTROLNET,
        Capability.LORA,
        Capability.SEED,
    }
)
SIZE = (Size(width=64, height=64),)
RICH = Model(
    key="rich", name="Rich", provider=Provider.LOCAL, capabilities=ABLE, sizes=SIZE, free_size=True,
    default_steps=8, reference_adapter=True, max_references=4, rank=2,
)  # fmt: skip
EDITS = Model(
    key="edits", name="Edits", provider=Provider.LOCAL, sizes=SIZE, free_size=True, default_steps=8,
    capabilities=frozenset({Capability.TEXT_TO_IMAGE, Capability.REFERENCE_IMAGES, Capability.SEED}),
    max_references=3, rank=1,
)  # fmt: skip
PLAIN = Model(
    key="plain", name="Plain", provider=Provider.LOCAL, sizes=SIZE, free_size=True, default_steps=8,
    capabilities=frozenset({Capability.TEXT_TO_IMAGE, Capability.SEED}),
)  # fmt: skip
CATALOG = Catalog({RICH: READY, EDITS: READY, PLAIN: READY})


@pytest_asyncio.fixture
async def desk(api: Api, tmp_path: Path) -> AsyncIterator[Api]:
    """Models that are never run, beside pictures that the scripted generator made."""
    async with serving(api.shop.db, api.shop.vault._root, CATALOG) as models:
        yield models


async def locked(api: Api, **more: Any) -> tuple[str, str, str]:
    """A persona with an approved base image: (its id, the picture, another draft)."""
    subject = await steps.persona(api, **more)
    other, base = await steps.drafts(api, subject, 2)
    assert (await api.do(steps.APPROVE, subjectId=subject, variantId=base))["userErrors"] == []
    return subject, base, other


async def adapter(api: Api, subject_id: str, model: str = "rich") -> str:
    stored = await api.shop.vault.put_async(uuid.uuid4().bytes)
    row = Adapter(
        id=new_id(), owner_id=api.viewer.user_id, subject_id=key(subject_id), base_model_key=model,
        provider="LOCAL", sha256=stored.sha256, size=stored.size, rank=8, trigger="zwx", training_images=5,
    )  # fmt: skip
    async with api.shop.db.begin() as session:
        session.add(row)
    return str(encode("Adapter", row.id))


async def held(api: Api, **given: Any) -> list[str]:
    payload = await api.do(GENERATE, **({"prompt": "by the sea", "models": ["rich"]} | given))
    assert payload["userErrors"] == []
    [variant] = payload["job"]["variants"]["nodes"]
    return [f"{each['kind']} {each['weight']:g}" for each in variant["conditioning"]]


async def tasks(api: Api) -> int:
    async with api.shop.db.session() as session:
        return int(await session.scalar(select(func.count()).select_from(Task)) or 0)


async def test_locked_look_is_held_by_the_strongest_way_whatever_else_is_asked(api: Api, desk: Api) -> None:
    subject, base, other = await locked(api)

    assert await held(desk, subjectId=subject) == ["PROMPT 1", "IP_ADAPTER 0.7"]
    pose = {"kind": "CONTROLNET", "variantId": other, "weight": 0.8}
    payload = await desk.do(GENERATE, prompt="x", models=["rich"], subjectId=subject, conditioning=pose)
    [variant] = payload["job"]["variants"]["nodes"]
    assert variant["conditioning"][1:] == [
        {"kind": "IP_ADAPTER", "weight": 0.7, "source": {"id": base}, "adapter": None},
        {"kind": "CONTROLNET", "weight": 0.8, "source": {"id": other}, "adapter": None},
    ]
    mine = await adapter(api, subject)
    await desk.do(ACTIVATE, subjectId=subject, adapterId=mine)
    assert await held(desk, subjectId=subject) == ["PROMPT 1", "LORA 1"]
    both = [{"kind": "LORA", "weight": 0.9}, {"kind": "IP_ADAPTER", "weight": 0.4}]
    assert await held(desk, subjectId=subject, conditioning=both) == [
        "PROMPT 1",
        "LORA 0.9",
        "IP_ADAPTER 0.4",
    ]
    begun = {"kind": "INIT_IMAGE"}
    assert await held(desk, subjectId=subject, conditioning=begun) == ["PROMPT 1", "LORA 1", "INIT_IMAGE 0.3"]


@pytest.mark.parametrize("kind", ["PROMPT", "SEED"])
async def test_locked_look_is_not_left_to_words(api: Api, desk: Api, kind: str) -> None:
    subject, _, _ = await locked(api, name="Mira")
    before = await tasks(api)

    payload = await desk.do(
        GENERATE, prompt="x", models=["rich"], subjectId=subject, conditioning=[{"kind": kind}]
    )

    assert refused(payload) == (
        "APPEARANCE_LOCKED",
        (
            "The look of Mira is locked, so every picture is held by IP_ADAPTER. Set its `weight`, or call "
            "unlockAppearance first."
        ),
        ["conditioning", "kind"],
    )
    assert await tasks(api) == before


async def test_words_are_enough_where_the_model_has_nothing_stronger(api: Api, desk: Api) -> None:
    subject, _, _ = await locked(api)

    assert await held(desk, subjectId=subject, models=["plain"], conditioning={"kind": "PROMPT"}) == [
        "PROMPT 1"
    ]


async def test_look_that_is_not_locked_is_held_as_asked_alone(api: Api, desk: Api) -> None:
    subject = await steps.persona(api)
    [draft] = await steps.drafts(api, subject, 1)

    assert await held(desk, subjectId=subject) == ["PROMPT 1"]
    way = {"kind": "INIT_IMAGE", "variantId": draft, "weight": 0.2}
    assert await held(desk, subjectId=subject, conditioning=way) == ["PROMPT 1", "INIT_IMAGE 0.2"]
    strongest = {"variantId": draft}
    assert await held(desk, subjectId=subject, conditioning=strongest) == ["PROMPT 1", "IP_ADAPTER 0.7"]


async def test_adapters_of_several_are_worn_in_one_picture(api: Api, desk: Api) -> None:
    subject, _, _ = await locked(api)
    friend = await steps.persona(api)
    mine, theirs = await adapter(api, subject), await adapter(api, friend)
    await desk.do(ACTIVATE, subjectId=subject, adapterId=mine)

    payload = await desk.do(
        GENERATE, prompt="x", models=["rich"], subjectId=subject,
        conditioning=[{"adapterId": theirs, "weight": 0.7}],
    )  # fmt: skip

    [variant] = payload["job"]["variants"]["nodes"]
    worn = [(each["weight"], each["adapter"], each["source"]) for each in variant["conditioning"][1:]]
    assert worn == [(1.0, {"id": mine}, None), (0.7, {"id": theirs}, None)]


async def test_adapter_can_be_tried_before_it_is_active(api: Api, desk: Api) -> None:
    subject, _, _ = await locked(api)
    active, new = await adapter(api, subject), await adapter(api, subject)
    await desk.do(ACTIVATE, subjectId=subject, adapterId=active)

    assert await held(desk, subjectId=subject, conditioning={"adapterId": new}) == ["PROMPT 1", "LORA 1"]
    assert await held(desk, conditioning=[{"adapterId": new}, {"adapterId": active, "weight": 0.5}]) == [
        "LORA 1",
        "LORA 0.5",
    ]


async def test_model_that_reads_references_itself_is_not_said_to_use_an_adapter(api: Api, desk: Api) -> None:
    subject, _, _ = await locked(api)

    assert await held(desk, subjectId=subject, models=["edits"]) == ["PROMPT 1", "REFERENCE_IMAGE 1"]
    payload = await desk.do(
        GENERATE, prompt="x", models=["edits"], subjectId=subject, conditioning={"weight": 0.5}
    )
    assert refused(payload)[::2] == ("NOT_SUPPORTED", ["conditioning", "weight"])


REFUSED: list[tuple[list[dict[str, Any]], str, list[str]]] = [
    ([{"kind": "INIT_IMAGE"}, {"kind": "INIT_IMAGE"}], "INVALID_INPUT", ["conditioning", "kind"]),
    ([{"kind": "INIT_IMAGE", "weight": 1.1}], "INVALID_INPUT", ["conditioning", "weight"]),
    ([{"kind": "IP_ADAPTER", "weight": 2.1}], "INVALID_INPUT", ["conditioning", "weight"]),
    ([{"kind": "IP_ADAPTER", "weight": -0.1}], "INVALID_INPUT", ["conditioning", "weight"]),
    ([{"kind": "IP_ADAPTER"}, {"kind": "IP_ADAPTER"}], "INVALID_INPUT", ["conditioning"]),
    ([{"kind": "LORA"}], "NOT_SUPPORTED", ["conditioning", "kind"]),
    ([{"kind": "INIT_IMAGE"}] * 9, "INVALID_INPUT", ["conditioning"]),
    ([{"adapterId": "elsewhere"}], "NOT_SUPPORTED", ["conditioning", "adapterId"]),
    ([{"adapterId": "elsewhere", "kind": "CONTROLNET"}], "INVALID_INPUT", ["conditioning", "adapterId"]),
    ([{"adapterId": "foreign"}], "NOT_FOUND", ["conditioning"]),
    ([{"variantId": "another's"}], "NOT_FOUND", ["conditioning"]),
]


async def test_ways_that_cannot_be_are_refused_and_enqueue_nothing(api: Api, desk: Api) -> None:
    subject, _, other = await locked(api)
    bob = await api.another("bob")
    ids = {
        "other": other,
        "another's": (await steps.drafts(api, await steps.persona(api)))[0],
        "elsewhere": await adapter(api, subject, "another"),
        "foreign": await adapter(bob, await steps.persona(bob)),
    }
    before = await tasks(api)

    for ways, code, field in REFUSED:
        named = [
            {name: ids.get(value, value) if name.endswith("Id") else value for name, value in way.items()}
            for way in ways
        ]
        payload = await desk.do(GENERATE, prompt="x", models=["rich"], subjectId=subject, conditioning=named)
        assert (refused(payload)[0], refused(payload)[2]) == (code, field), ways

    assert await tasks(api) == before


async def test_draft_is_refined_by_who_it_shows_half_of_it_and_its_edges_where_the_model_can(
    api: Api, desk: Api
) -> None:
    subject = await steps.persona(api)
    [draft] = await steps.drafts(api, subject, 1)

    async def refined(model: str, **given: Any) -> list[tuple[str, float, str]]:
        payload = await desk.do(REFINE, subjectId=subject, model=model, width=64, height=64, **given)
        assert payload["userErrors"] == []
        [variant] = payload["job"]["variants"]["nodes"]
        return [(each["kind"], each["weight"], each["source"]["id"]) for each in variant["conditioning"]]

    assert await refined("rich") == [
        ("IP_ADAPTER", 0.3, draft),
        ("INIT_IMAGE", 0.5, draft),
        ("CONTROLNET", 0.6, draft),
    ]
    assert await refined("edits") == [("REFERENCE_IMAGE", 1.0, draft)]
    edges = [{"kind": "CONTROLNET", "weight": 1.2}, {"kind": "IP_ADAPTER", "weight": 0.4}]
    assert await refined("rich", conditioning=edges) == [
        ("CONTROLNET", 1.2, draft),
        ("IP_ADAPTER", 0.4, draft),
    ]
    anew = await desk.do(REFINE, subjectId=subject, model="rich", fromScratch=True, conditioning=edges)
    assert refused(anew)[::2] == ("INVALID_INPUT", ["conditioning"])


async def test_pictures_that_one_adapter_sees_have_a_weight_each(api: Api, desk: Api) -> None:
    subject, _, other = await locked(api)

    ways = [{"kind": "IP_ADAPTER", "weight": 0.9}, {"kind": "IP_ADAPTER", "variantId": other, "weight": 0.2}]
    found = await held(desk, subjectId=subject, conditioning=ways)

    assert found == ["PROMPT 1", "IP_ADAPTER 0.9", "IP_ADAPTER 0.2"]


async def test_uploaded_references_share_the_weight_of_the_adapter_that_sees_them(
    db: Database, api: Api, desk: Api
) -> None:
    subject, _, _ = await locked(api)
    upload = await desk.upload("a.png", picture(16, 16))

    way = {"kind": "IP_ADAPTER", "weight": 0.4}
    found = await held(desk, subjectId=subject, referenceUploadIds=[upload], conditioning=way)

    assert found == ["PROMPT 1", "IP_ADAPTER 0.4", "IP_ADAPTER 0.4"]
