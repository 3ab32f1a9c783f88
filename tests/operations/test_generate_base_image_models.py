"""mutation generateBaseImage: which model makes it, and what each can do"""

from typing import Any

import pytest
from sqlalchemy import select

from generators.catalog import Availability
from generators.scripted import MODEL
from store.database.sessions import Database
from store.database.tables import Task
from tests import client
from tests.client import refused
from tests.operations import steps
from tests.operations.catalogs import HOSTED, READY, SMALL, Catalog
from tests.operations.test_generate_base_image import GENERATE, rows

pytestmark = pytest.mark.asyncio


async def test_no_local_model_is_told_with_each_checkpoints_reason(db: Database, tmp_path: Any) -> None:
    broken = Catalog(
        {
            SMALL: Availability(available=False, reason="the folder is empty"),
            HOSTED: READY,
        }
    )
    async with client.serving(db, tmp_path, broken) as api:
        mira = await steps.persona(api)
        payload = await api.do(GENERATE, subjectId=mira)
        assert refused(payload) == (
            "NO_LOCAL_MODEL",
            "No local image generation models available. small: the folder is empty",
            None,
        )
        assert await rows(api) == (0, 0, 0)


async def test_no_model_at_all_is_told_in_one_sentence(db: Database, tmp_path: Any) -> None:
    async with client.serving(db, tmp_path, Catalog({})) as api:
        mira = await steps.persona(api)
        payload = await api.do(GENERATE, subjectId=mira)
        assert refused(payload)[1] == "No local image generation models available"


async def test_loading_model_takes_requests(db: Database, tmp_path: Any) -> None:
    loading = Catalog({SMALL: Availability(available=True, loading=True, reason="still loading")})
    async with client.serving(db, tmp_path, loading) as api:
        mira = await steps.persona(api)
        payload = await api.do(GENERATE, subjectId=mira)
        assert payload["userErrors"] == []


async def test_unavailable_model_is_refused_with_its_reason(db: Database, tmp_path: Any) -> None:
    words = "GPT Image is not available. Check OPENAI_API_KEY configuration"
    catalog = Catalog({MODEL: READY, HOSTED: Availability(available=False, reason=words)})
    async with client.serving(db, tmp_path, catalog) as api:
        mira = await steps.persona(api)
        payload = await api.do(GENERATE, subjectId=mira, model="gpt-image")
        assert refused(payload) == ("MODEL_UNAVAILABLE", words, ["model"])
        assert await rows(api) == (0, 0, 0)


async def test_hosted_model_is_asked_for_its_best(db: Database, tmp_path: Any) -> None:
    async with client.serving(db, tmp_path, Catalog({MODEL: READY, HOSTED: READY})) as api:
        mira = await steps.persona(api)
        payload = await api.do(GENERATE, subjectId=mira, model="gpt-image")
        [variant] = payload["job"]["variants"]["nodes"]
        assert (variant["source"], variant["modelKey"], variant["seed"]) == ("CLOUD", "gpt-image", None)
        assert variant["parameters"] == {
            "width": 1024,
            "height": 1024,
            "quality": "high",
            "determinism": "FAST",
        }
        async with api.shop.db.session() as session:
            assert (await session.scalars(select(Task.lane))).all() == ["openai"]


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"seed": 1}, "seed", "GPT Image cannot take a seed. It can: REFERENCE_IMAGES, TEXT_TO_IMAGE."),
        (
            {"negativePrompt": ""},
            "negativePrompt",
            "GPT Image cannot take a negative prompt. It can: REFERENCE_IMAGES, TEXT_TO_IMAGE.",
        ),
        ({"steps": 5}, "steps", "GPT Image has no steps to choose."),
        (
            {"determinism": "EXACT"},
            "determinism",
            "GPT Image cannot make a picture exactly again; only local models can.",
        ),
    ],
)
async def test_what_a_model_cannot_do_is_refused(
    db: Database, tmp_path: Any, given: dict[str, Any], field: str, words: str
) -> None:
    async with client.serving(db, tmp_path, Catalog({HOSTED: READY})) as api:
        mira = await steps.persona(api)
        payload = await api.do(GENERATE, subjectId=mira, model="gpt-image", **given)
        assert refused(payload) == ("NOT_SUPPORTED", words, [field])
        assert await rows(api) == (0, 0, 0)


async def test_size_a_model_does_not_offer_is_refused(db: Database, tmp_path: Any) -> None:
    async with client.serving(db, tmp_path, Catalog({HOSTED: READY})) as api:
        mira = await steps.persona(api)
        payload = await api.do(GENERATE, subjectId=mira, model="gpt-image", width=512, height=512)
        assert refused(payload) == (
            "INVALID_INPUT",
            "GPT Image does not make 512x512. It makes: 1024x1024, 1536x1024.",
            ["width"],
        )


async def test_draft_goes_to_a_hosted_model_as_a_reference(db: Database, tmp_path: Any) -> None:
    async with client.serving(db, tmp_path, Catalog({MODEL: READY, HOSTED: READY, SMALL: READY})) as api:
        mira = await steps.persona(api)
        [draft] = await steps.drafts(api, mira, model="scripted")
        payload = await api.do(GENERATE, subjectId=mira, model="gpt-image")
        [variant] = payload["job"]["variants"]["nodes"]
        assert variant["conditioning"] == [
            {"kind": "REFERENCE_IMAGE", "weight": 1.0, "source": {"id": draft}}
        ]
        refusal = await api.do(GENERATE, subjectId=mira, model="small")
        assert refused(refusal) == (
            "NOT_SUPPORTED",
            "Small cannot refine a picture (`fromScratch: true` begins anew). It can: TEXT_TO_IMAGE.",
            ["model"],
        )
        anew = await api.do(GENERATE, subjectId=mira, model="small", fromScratch=True)
        assert anew["userErrors"] == []
