"""mutations attachImage, detachImage, updatePostImage, reorderPostImages, and pictures and beats in createPost"""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from store.database.tables import Post, PostImage, Role
from tests.client import Api, refused
from tests.operations import posts, steps

pytestmark = pytest.mark.asyncio

ATTACH = """
mutation ($input: AttachImageInput!) {
  attachImage(input: $input) {
    postImage { id position caption prompt imageUrl thumbnailUrl generationParams character { name }
                post { id } variant { id } }
    userErrors { code message field }
  }
}
"""
DETACH = """
mutation ($input: DetachImageInput!) {
  detachImage(input: $input) {
    post { images { position variant { id } } } userErrors { code message field }
  }
}
"""
UPDATE = """
mutation ($input: UpdatePostImageInput!) {
  updatePostImage(input: $input) { postImage { caption } userErrors { code message field } }
}
"""
REORDER = """
mutation ($input: ReorderPostImagesInput!) {
  reorderPostImages(input: $input) {
    post { images { id position } } userErrors { code message field }
  }
}
"""
CREATE = """
mutation ($input: CreatePostInput!) {
  createPost(input: $input) {
    post { id beat { title posts { nodes { content } } } images { caption position variant { id } } }
    userErrors { code message field }
  }
}
"""
IMAGES = "query ($id: ID!) { node(id: $id) { ... on Post { images { id position variant { id } } } } }"
SCENE = """
mutation ($input: GenerateImagesInput!) {
  generateImages(input: $input) { job { id variants { nodes { id } } } userErrors { code message field } }
}
"""


async def pictures(api: Api, count: int = 1, **given: Any) -> list[str]:
    """Finished pictures that belong to no post."""
    payload = await api.do(SCENE, **{"prompt": "the gate at dusk", "count": count, **steps.QUICK, **given})
    assert payload["userErrors"] == []
    async with api.working():
        await api.ended(payload["job"]["id"])
    return [variant["id"] for variant in payload["job"]["variants"]["nodes"]]


async def shown(api: Api, post: str) -> list[str]:
    """The pictures of a post, whose positions have no gaps."""
    images = (await api.run(IMAGES, id=post)).data["node"]["images"]
    assert [image["position"] for image in images] == list(range(1, len(images) + 1))
    return [image["variant"]["id"] for image in images]


async def illustrated(api: Api, count: int = 3) -> tuple[str, list[str], list[str]]:
    """A post, its pictures, and these pictures in it."""
    post = await posts.post(api)
    variants = await pictures(api, count)
    attached = [await api.do(ATTACH, postId=post, variantId=variant) for variant in variants]
    return post, variants, [payload["postImage"]["id"] for payload in attached]


async def test_attached_picture_keeps_what_made_it(api: Api) -> None:
    ash = await steps.character(api)
    [variant] = await pictures(api, subjectId=ash, seed=7)
    post = await posts.post(api)
    with api.statements() as statements:
        payload = await api.do(ATTACH, postId=post, variantId=variant, caption=" Ash at the gate ")
    assert payload["userErrors"] == []
    image = payload["postImage"]
    assert image.pop("id")
    assert image.pop("imageUrl").startswith("/files/")
    assert image.pop("thumbnailUrl").startswith("/files/")
    params = image.pop("generationParams")
    assert (params["model"], params["seed"], params["width"]) == ("scripted", 7, 64)
    assert params["composedPrompt"].startswith("a ranger.")
    assert image == {
        "position": 1,
        "caption": " Ash at the gate ",
        "prompt": "the gate at dusk",
        "character": {"name": "Ash"},
        "post": {"id": post},
        "variant": {"id": variant},
    }
    # variant, post, count, kind of subject, insert, post; then post, variant, character and file to show
    assert len(statements) == 10


async def test_scene_shows_no_character(api: Api) -> None:
    mira = await steps.persona(api)
    post = await posts.post(api)
    for variant in [*await pictures(api, sceneOnly=True), *await pictures(api, subjectId=mira)]:
        assert (await api.do(ATTACH, postId=post, variantId=variant))["postImage"]["character"] is None


async def test_picture_goes_between_others(api: Api) -> None:
    post, [first, second, third], _ = await illustrated(api)
    [new] = await pictures(api)
    await api.do(ATTACH, postId=post, variantId=new, position=2)
    assert await shown(api, post) == [first, new, second, third]


async def test_detached_picture_leaves_no_gap_and_stays_a_picture(api: Api) -> None:
    post, [first, second, third], [_, image, _] = await illustrated(api)
    payload = await api.do(DETACH, postImageId=image)
    assert [each["variant"]["id"] for each in payload["post"]["images"]] == [first, third]
    assert await shown(api, post) == [first, third]
    assert (await api.run("query ($id: ID!) { node(id: $id) { id } }", id=second)).data["node"] is not None
    assert refused(await api.do(DETACH, postImageId=image))[::2] == ("NOT_FOUND", ["postImageId"])


async def test_caption_is_changed_and_cleared(api: Api) -> None:
    _, _, [image] = await illustrated(api, 1)
    assert (await api.do(UPDATE, postImageId=image, caption="Dusk"))["postImage"] == {"caption": "Dusk"}
    assert (await api.do(UPDATE, postImageId=image))["postImage"] == {"caption": "Dusk"}
    assert (await api.do(UPDATE, postImageId=image, caption=None))["postImage"] == {"caption": None}
    assert refused(await api.do(UPDATE, postImageId=image, caption="c" * 8001))[::2] == (
        "TOO_LONG",
        ["caption"],
    )


async def test_pictures_take_a_new_order(api: Api) -> None:
    post, [first, second, third], [a, b, c] = await illustrated(api)
    payload = await api.do(REORDER, postId=post, postImageIds=[c, a, b])
    assert payload["post"]["images"] == [
        {"id": c, "position": 1},
        {"id": a, "position": 2},
        {"id": b, "position": 3},
    ]
    assert await shown(api, post) == [third, first, second]


async def test_order_must_name_each_picture_once(api: Api) -> None:
    post, variants, [a, b, c] = await illustrated(api)
    for wrong in ([a, b], [a, b, c, c], [a, a, b], []):
        assert refused(await api.do(REORDER, postId=post, postImageIds=wrong)) == (
            "INVALID_INPUT",
            "Name all 3 pictures of the post, each once, in the new order.",
            ["postImageIds"],
        )
    assert await shown(api, post) == variants


async def test_picture_is_shown_once_in_a_post(api: Api) -> None:
    post, [first], _ = await illustrated(api, 1)
    assert refused(await api.do(ATTACH, postId=post, variantId=first)) == (
        "CONFLICT",
        "The post shows this picture already.",
        ["variantId"],
    )
    assert await shown(api, post) == [first]


async def test_pictures_attached_at_the_same_instant_get_places_of_their_own(api: Api) -> None:
    post = await posts.post(api)
    variants = await pictures(api, 6)
    payloads = await asyncio.gather(
        *(api.do(ATTACH, postId=post, variantId=variant, position=1) for variant in variants)
    )
    assert all(payload["userErrors"] == [] for payload in payloads)
    assert sorted(await shown(api, post)) == sorted(variants)


async def test_unfinished_and_rejected_pictures_are_refused(api: Api) -> None:
    post = await posts.post(api)
    payload = await api.do(SCENE, prompt="a gate", **steps.QUICK)
    [queued] = [variant["id"] for variant in payload["job"]["variants"]["nodes"]]
    assert refused(await api.do(ATTACH, postId=post, variantId=queued)) == (
        "INVALID_STATE",
        "The picture is QUEUED; only a DRAFT, APPROVED or PUBLISHED one can be shown.",
        ["variantId"],
    )
    assert refused(await api.do(CREATE, content="x", images=[{"variantId": queued}]))[::2] == (
        "INVALID_STATE",
        ["images", "0", "variantId"],
    )
    assert await shown(api, post) == []


@pytest.mark.parametrize("position", [0, 3])
async def test_place_outside_the_post_is_refused(api: Api, position: int) -> None:
    post, [first], _ = await illustrated(api, 1)
    [new] = await pictures(api)
    payload = await api.do(ATTACH, postId=post, variantId=new, position=position)
    assert refused(payload)[::2] == ("INVALID_INPUT", ["position"])
    assert await shown(api, post) == [first]


async def test_replay_attaches_nothing(api: Api) -> None:
    post = await posts.post(api)
    [variant] = await pictures(api)
    given = {"postId": post, "variantId": variant, "idempotencyKey": "once"}
    first = await api.do(ATTACH, **given)
    assert (await api.do(ATTACH, **given))["postImage"]["id"] == first["postImage"]["id"]
    assert await shown(api, post) == [variant]


async def test_new_post_is_written_in_a_beat_and_shows_its_pictures(api: Api) -> None:
    beat = await steps.beat(api, await steps.game(api))
    first, second = await pictures(api, 2)
    images = [{"variantId": second, "caption": "Then"}, {"variantId": first}]
    payload = await api.do(CREATE, content="I enter.", beatId=beat, images=images)
    assert payload["userErrors"] == []
    assert payload["post"]["beat"] == {"title": "At the gate", "posts": {"nodes": [{"content": "I enter."}]}}
    assert payload["post"]["images"] == [
        {"caption": "Then", "position": 1, "variant": {"id": second}},
        {"caption": None, "position": 2, "variant": {"id": first}},
    ]


async def test_post_with_pictures_it_cannot_show_is_not_made(api: Api) -> None:
    bob = await api.another("bob")
    [his] = await pictures(bob)
    [mine] = await pictures(api)
    beat = await steps.beat(bob, await steps.game(bob))
    for given, field in (
        ({"images": [{"variantId": mine}, {"variantId": his}]}, ["images", "1", "variantId"]),
        ({"images": [{"variantId": mine}, {"variantId": mine}]}, ["images"]),
        ({"images": [{"variantId": "nonsense"}]}, ["images", "0", "variantId"]),
        ({"beatId": beat}, ["beatId"]),
    ):
        assert refused(await api.do(CREATE, content="x", **given))[2] == field
    async with api.shop.db.session() as session:
        assert (await session.scalar(select(func.count()).select_from(Post))) == 0
        assert (await session.scalar(select(func.count()).select_from(PostImage))) == 0


async def test_foreign_posts_and_pictures_are_not_found(api: Api) -> None:
    post, [first], [image] = await illustrated(api, 1)
    bob = await api.another("bob")
    [his] = await pictures(bob)
    assert refused(await bob.do(ATTACH, postId=post, variantId=his))[::2] == ("NOT_FOUND", ["postId"])
    assert refused(await api.do(ATTACH, postId=post, variantId=his))[::2] == ("NOT_FOUND", ["variantId"])
    assert refused(await bob.do(DETACH, postImageId=image))[::2] == ("NOT_FOUND", ["postImageId"])
    assert refused(await bob.do(UPDATE, postImageId=image, caption="x"))[2] == ["postImageId"]
    assert refused(await bob.do(REORDER, postId=post, postImageIds=[image]))[2] == ["postId"]
    assert await shown(api, post) == [first]


async def test_viewer_may_change_nothing(api: Api) -> None:
    viewer = await api.another("vera", role=Role.VIEWER)
    for document, given in (
        (ATTACH, {"postId": "x", "variantId": "x"}),
        (DETACH, {"postImageId": "x"}),
        (UPDATE, {"postImageId": "x"}),
        (REORDER, {"postId": "x", "postImageIds": []}),
    ):
        assert (await viewer.run(document, input=given)).code == "FORBIDDEN"
