"""mutations rateVariant, favoriteVariant, keepVariant, approveVariant and rejectVariant"""

from typing import Any

import pytest

from tests.client import Api, refused
from tests.operations import steps
from tests.operations.test_generate_images import finished, made

pytestmark = pytest.mark.asyncio
SHOWN = "variant { id rating isFavorite keep status rejectionReason approvedAt } userErrors { code message field }"


def mutation(name: str) -> str:
    title = name[0].upper() + name[1:]
    return f"mutation ($input: {title}Input!) {{ {name}(input: $input) {{ {SHOWN} }} }}"


STATE = (
    "query ($id: ID!) { node(id: $id) { ... on Variant { rating isFavorite keep status rejectionReason } } }"
)
MUTATIONS = ["rateVariant", "favoriteVariant", "keepVariant", "approveVariant", "rejectVariant"]


async def drafts(api: Api, count: int = 1) -> list[str]:
    """Finished scenes."""
    job = await finished(api, count=count)
    listed = await api.run(
        "query ($id: ID!) { node(id: $id) { ... on Job { variants { nodes { id } } } } }", id=job["id"]
    )
    return [each["id"] for each in listed.data["node"]["variants"]["nodes"]]


async def state(api: Api, variant_id: str) -> Any:
    return (await api.run(STATE, id=variant_id)).data["node"]


@pytest.mark.parametrize(
    ("name", "given", "field", "value", "back", "before"),
    [
        ("rateVariant", {"rating": 4}, "rating", 4, {"rating": None}, None),
        ("favoriteVariant", {}, "isFavorite", True, {"isFavorite": False}, False),
        ("keepVariant", {}, "keep", True, {"keep": False}, False),
    ],
)
async def test_mark_is_set_and_taken_back(
    api: Api, name: str, given: Any, field: str, value: Any, back: Any, before: Any
) -> None:
    [draft] = await drafts(api)
    with api.statements() as statements:
        payload = await api.do(mutation(name), variantId=draft, **given)
    assert payload["userErrors"] == []
    assert payload["variant"][field] == value
    assert len(statements) == 2
    assert (await state(api, draft))[field] == value
    await api.do(mutation(name), variantId=draft, **back)
    assert (await state(api, draft))[field] == before
    assert (await state(api, draft))["status"] == "DRAFT"


@pytest.mark.parametrize("rating", [0, 6, -1])
async def test_rating_outside_one_to_five_is_refused(api: Api, rating: int) -> None:
    [draft] = await drafts(api)
    assert refused(await api.do(mutation("rateVariant"), variantId=draft, rating=rating)) == (
        "INVALID_INPUT",
        f"rating must be between 1 and 5; got {rating}.",
        ["rating"],
    )
    assert (await state(api, draft))["rating"] is None


async def test_draft_is_approved_once_and_rejected_after(api: Api) -> None:
    [draft] = await drafts(api)
    with api.statements() as statements:
        payload = await api.do(mutation("approveVariant"), variantId=draft)
    assert payload["variant"]["status"] == "APPROVED"
    assert payload["variant"]["approvedAt"] is not None
    assert len(statements) == 4
    await api.do(mutation("approveVariant"), variantId=draft)
    payload = await api.do(mutation("rejectVariant"), variantId=draft, reason="too dark")
    assert payload["variant"]["status"] == "REJECTED"
    assert payload["variant"]["approvedAt"] is None
    assert (await state(api, draft))["rejectionReason"] == "too dark"
    await api.do(mutation("rejectVariant"), variantId=draft, reason="another")
    assert (await state(api, draft))["rejectionReason"] == "too dark"
    assert refused(await api.do(mutation("approveVariant"), variantId=draft)) == (
        "INVALID_STATE",
        "The picture is REJECTED; only a DRAFT can be approved.",
        ["variantId"],
    )
    assert await steps.actions(api) == ["images.generated", "variant.approved", "variant.rejected"]


async def test_what_is_not_made_yet_cannot_be_decided_on(api: Api) -> None:
    job = await made(api)
    listed = await api.run(
        "query ($id: ID!) { node(id: $id) { ... on Job { variants { nodes { id } } } } }", id=job["id"]
    )
    [waiting] = [each["id"] for each in listed.data["node"]["variants"]["nodes"]]
    assert refused(await api.do(mutation("approveVariant"), variantId=waiting))[0] == "INVALID_STATE"
    assert refused(await api.do(mutation("rejectVariant"), variantId=waiting))[0] == "INVALID_STATE"
    assert (await state(api, waiting))["status"] == "QUEUED"


@pytest.mark.parametrize(
    ("name", "instead"), [("approveVariant", "approveBaseImage"), ("rejectVariant", "rejectBaseImage")]
)
async def test_base_image_is_decided_on_through_its_subject(api: Api, name: str, instead: str) -> None:
    [draft] = await steps.drafts(api, await steps.persona(api))
    assert refused(await api.do(mutation(name), variantId=draft)) == (
        "NOT_SUPPORTED",
        f"This is a base image: it decides on a look. Use `{instead}`.",
        ["variantId"],
    )
    assert (await state(api, draft))["status"] == "DRAFT"


@pytest.mark.parametrize("name", MUTATIONS)
async def test_foreign_and_malformed_ids_are_refused(api: Api, name: str) -> None:
    [draft] = await drafts(api)
    before = await state(api, draft)
    bob = await api.another("bob")
    for caller, given, code in ((bob, draft, "NOT_FOUND"), (api, "nonsense", "INVALID_ID")):
        assert refused(await caller.do(mutation(name), variantId=given))[::2] == (code, ["variantId"])
    assert await state(api, draft) == before
