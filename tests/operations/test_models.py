"""query models"""

from pathlib import Path

import pytest

from generators.catalog import Availability
from store.database.sessions import Database
from tests import client
from tests.client import Api
from tests.operations import steps
from tests.operations.catalogs import HOSTED, READY, SMALL, Catalog

pytestmark = pytest.mark.asyncio

MODELS = """
query ($capability: Capability) {
  models(capability: $capability) {
    key name provider capabilities sizes { width height } freeSize sizeMultiple maxSide version licence note
    pricePerImageUsd typicalSeconds available unavailableReason
  }
}
"""


async def test_catalog_is_told_without_a_statement(api: Api) -> None:
    with api.statements() as statements:
        [model] = (await api.run(MODELS)).data["models"]
    assert statements == []
    assert model == {
        "key": "scripted",
        "name": "Scripted shapes",
        "provider": "LOCAL",
        "capabilities": [
            "IMAGE_TO_IMAGE",
            "NEGATIVE_PROMPT",
            "PREVIEW",
            "SEED",
            "STEP_PROGRESS",
            "TEXT",
            "TEXT_TO_IMAGE",
        ],
        "sizes": [{"width": 128, "height": 128}, {"width": 256, "height": 256}],
        "freeSize": True,
        "sizeMultiple": 8,
        "maxSide": 2048,
        "version": "1",
        "licence": None,
        "note": "Plain shapes for tests and demonstrations; no picture of anything.",
        "pricePerImageUsd": None,
        "typicalSeconds": None,
        "available": True,
        "unavailableReason": None,
    }


async def test_typical_seconds_are_measured_here(api: Api) -> None:
    await steps.drafts(api, await steps.persona(api))
    [model] = (await api.run(MODELS)).data["models"]
    assert model["typicalSeconds"] > 0


async def test_usable_ones_come_first_reasons_are_given_and_a_capability_narrows_the_list(
    db: Database, tmp_path: Path
) -> None:
    words = "GPT Image is not available. Check OPENAI_API_KEY configuration"
    catalog = Catalog({HOSTED: Availability(available=False, reason=words), SMALL: READY})
    async with client.serving(db, tmp_path, catalog) as api:
        models = (await api.run(MODELS)).data["models"]
        assert [(each["key"], each["available"], each["unavailableReason"]) for each in models] == [
            ("small", True, None),
            ("gpt-image", False, words),
        ]
        narrowed = (await api.run(MODELS, capability="REFERENCE_IMAGES")).data["models"]
        assert [each["key"] for each in narrowed] == ["gpt-image"]
        assert (await api.run(MODELS, capability="VISION")).data == {"models": []}
