"""Content rules in every mutation: refused with the field named, or the picture is HELD and says why."""

import dataclasses
import typing
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from executor.content.guard import Guard, ModerationUnavailable
from executor.content.rules import Rules
from resolvers import content
from schema.ids import encode
from schema.inputs import INPUTS
from store.database.sessions import Database
from store.database.tables import Beat, Game, Job, Persona, Post, Preset, Subject, Variant
from tests import client
from tests.client import Api, refused
from tests.operations import posts, steps
from tests.operations.test_upload_base_image import picture

pytestmark = pytest.mark.asyncio

RULES = """
[[rule]]
name = "gore"
action = "refuse"
reason = "Nobody is hurt here."
words = ["bloodbath"]

[[rule]]
name = "weapons"
action = "hold"
reason = "Weapons are looked at first."
words = ["rifle"]
"""
HELD_REASON = "Waits for a reviewer: the content rule 'weapons' found 'r1fle'. Weapons are looked at first."
REFUSED_WORDS = "is not taken: the content rule 'gore' found 'bl00dbath'. Nobody is hurt here."
PICTURES = """
query { variants { nodes { status heldReason url thumbnailUrl downloadUrl placeholder imageHash } } }
"""


class Flagging:
    """Moderation that flags what it is told to; it keeps what it was shown."""

    name = "Flagging"

    def __init__(self, *flags: str, down: bool = False) -> None:
        self.flags = flags
        self.down = down
        self.shown: list[tuple[str, int, str]] = []

    async def flagged(self, text: str, picture: bytes, media_type: str) -> Sequence[str]:
        if self.down:
            raise ModerationUnavailable("It does not answer.")
        self.shown.append((text, len(picture), media_type))
        return self.flags


@pytest_asyncio.fixture
async def ruled(db: Database, tmp_path: Path) -> AsyncIterator[Api]:
    """The application with rules."""
    async with client.serving(db, tmp_path, guard=Guard(Rules.parse(RULES))) as found:
        yield found


async def kept(api: Api) -> list[int]:
    """How many rows there are of everything that a mutation could make."""
    tables = (Subject, Job, Variant, Post, Game, Beat, Preset)
    async with api.shop.db.session() as session:
        return [(await session.scalar(select(func.count()).select_from(table))) or 0 for table in tables]


def mutation(name: str) -> str:
    title = name[0].upper() + name[1:]
    return f"mutation ($input: {title}Input!) {{ {name}(input: $input) {{ userErrors {{ code message field }} }} }}"


BAD = "a bl00dbath"
SENT: list[tuple[str, dict[str, Any], list[str]]] = [
    ("createPersona", {"name": BAD, "appearance": "a baker"}, ["name"]),
    ("createPersona", {"name": "Mira", "appearance": BAD}, ["appearance"]),
    ("createPersona", {"name": "M", "appearance": "x", "personality": BAD}, ["personality"]),
    ("createCharacter", {"name": "Ash", "baseAppearanceDescription": BAD}, ["baseAppearanceDescription"]),
    ("createCharacter", {"name": "Ash", "appearance": "x", "artStyle": BAD}, ["artStyle"]),
    ("createCharacter", {"name": "Ash", "appearance": "x", "styleModifiers": ["a", BAD]}, ["styleModifiers"]),
    ("createGame", {"name": BAD}, ["name"]),
    ("createPost", {"content": BAD}, ["content"]),
    ("createPost", {"content": "x", "title": BAD}, ["title"]),
    ("createPost", {"content": "x", "dice": [f"1d6 [{BAD}]"]}, ["dice"]),
    ("writeArticle", {"topic": BAD}, ["topic"]),
    ("writeArticle", {"title": "x", "content": BAD}, ["content"]),
    ("generateImages", {"prompt": BAD}, ["prompt"]),
    ("generateImages", {"prompt": "x", "scene": BAD}, ["scene"]),
    ("generateImages", {"prompt": "x", "negativePrompt": BAD}, ["negativePrompt"]),
    ("generateImages", {"prompt": "x", "title": BAD}, ["title"]),
    ("savePreset", {"key": "mine", "name": BAD, "model": "scripted"}, ["name"]),
    ("savePreset", {"key": "mine", "name": "x", "model": "scripted", "style": BAD}, ["style"]),
    ("rollDice", {"notation": f"1d6 [{BAD}]"}, ["notation"]),
]


@pytest.mark.parametrize(("name", "given", "field"), SENT)
async def test_banned_word_is_refused_before_anything_happens(
    ruled: Api, name: str, given: dict[str, Any], field: list[str]
) -> None:
    payload = await ruled.do(mutation(name), **given)
    assert refused(payload) == ("CONTENT_REFUSED", f"{field[0]} {REFUSED_WORDS}", field)
    assert await kept(ruled) == [0] * 7


async def test_caption_of_an_attached_picture_is_refused(ruled: Api) -> None:
    post = await posts.post(ruled)
    given = {"postId": post, "variantId": "x", "caption": BAD}
    variant = (await posts.candidates(ruled, post))[0]
    payload = await ruled.do(mutation("attachImage"), **(given | {"variantId": variant}))
    assert refused(payload)[::2] == ("CONTENT_REFUSED", ["caption"])
    payload = await ruled.do(
        mutation("createPost"), content="x", images=[{"variantId": variant, "caption": BAD}]
    )
    assert refused(payload)[::2] == ("CONTENT_REFUSED", ["images", "0", "caption"])


async def test_changes_are_refused_too(ruled: Api) -> None:
    mira = await steps.persona(ruled)
    payload = await ruled.do(mutation("updatePersona"), subjectId=mira, appearance=BAD)
    assert refused(payload)[::2] == ("CONTENT_REFUSED", ["appearance"])
    payload = await ruled.do(mutation("rejectBaseImage"), subjectId=mira, reason=BAD)
    assert refused(payload)[::2] == ("CONTENT_REFUSED", ["reason"])


async def test_word_that_is_held_is_refused_where_no_picture_can_wait(ruled: Api) -> None:
    code, message, field = refused(await ruled.do(mutation("createPost"), content="a rifle"))
    assert (code, field) == ("CONTENT_REFUSED", ["content"])
    assert message.endswith("A reviewer can look at pictures only, so use other words here.")
    assert await kept(ruled) == [0] * 7


async def test_picture_made_with_a_held_word_waits_and_explains_itself(ruled: Api) -> None:
    mira = await steps.persona(ruled, appearance="a guard with a r1fle")
    await steps.drafts(ruled, mira)
    [variant] = (await ruled.run(PICTURES)).data["variants"]["nodes"]
    assert (variant["status"], variant["heldReason"]) == ("HELD", HELD_REASON)
    assert (await steps.state(ruled, mira))["baseImageStatus"] == "PENDING_UPLOAD"


async def test_held_picture_is_hidden_from_all_but_reviewers(ruled: Api) -> None:
    eve = await ruled.another("eve")
    await steps.drafts(eve, await steps.persona(eve, appearance="a r1fle"))
    [variant] = (await eve.run(PICTURES)).data["variants"]["nodes"]
    assert variant == {
        "status": "HELD",
        "heldReason": HELD_REASON,
        **dict.fromkeys(("url", "thumbnailUrl", "downloadUrl", "placeholder", "imageHash")),
    }


async def test_subject_that_is_older_than_a_rule_is_caught_before_the_device(
    ruled: Api,
) -> None:
    async with ruled.shop.db.begin() as session:
        row = Persona(owner_id=ruled.viewer.user_id, name="Old", appearance="in a bloodbath")
        session.add(row)
    persona = encode("Persona", row.id)
    job = await steps.generated(ruled, persona)
    async with ruled.working():
        await ruled.ended(job["id"])
    async with ruled.shop.db.session() as session:
        variant = (await session.scalars(select(Variant))).one()
    assert variant.failure_code == "REJECTED_CONTENT"
    assert variant.failure_message == (
        "Not made: the content rule 'gore' found 'bloodbath'. Nobody is hurt here."
    )
    assert variant.file_id is None


async def test_moderation_is_shown_prompt_and_picture_and_holds_what_it_flags(
    db: Database, tmp_path: Path
) -> None:
    moderation = Flagging("violence", "hate")
    async with client.serving(db, tmp_path, guard=Guard(moderation=moderation)) as api:
        await steps.drafts(api, await steps.persona(api))
        [variant] = (await api.run(PICTURES)).data["variants"]["nodes"]
    assert (variant["status"], variant["heldReason"]) == (
        "HELD",
        "Waits for a reviewer: Flagging's moderation flagged violence, hate.",
    )
    [(text, size, media_type)] = moderation.shown
    assert text.startswith("a baker.")
    assert size > 0
    assert media_type == "image/png"


async def test_what_moderation_does_not_flag_is_a_draft(db: Database, tmp_path: Path) -> None:
    async with client.serving(db, tmp_path, guard=Guard(moderation=Flagging())) as api:
        await steps.drafts(api, await steps.persona(api))
        [variant] = (await api.run(PICTURES)).data["variants"]["nodes"]
    assert (variant["status"], variant["heldReason"]) == ("DRAFT", None)


async def test_moderation_that_cannot_be_asked_holds(db: Database, tmp_path: Path) -> None:
    async with client.serving(db, tmp_path, guard=Guard(moderation=Flagging(down=True))) as api:
        await steps.drafts(api, await steps.persona(api))
        [variant] = (await api.run(PICTURES)).data["variants"]["nodes"]
    assert variant["heldReason"] == (
        "Waits for a reviewer: Flagging's moderation could not be asked. It does not answer."
    )


@pytest.mark.parametrize("ahead", [False, True])
async def test_uploaded_picture_is_moderated(db: Database, tmp_path: Path, ahead: bool) -> None:
    async with client.serving(db, tmp_path, guard=Guard(moderation=Flagging("violence"))) as api:
        mira = await steps.persona(api)
        if ahead:
            upload = await api.upload("me.png", picture())
            await api.do(steps.UPLOAD, subjectId=mira, uploadId=upload)
        else:
            await api.send(steps.UPLOAD, ("me.png", picture()), subjectId=mira)
        [variant] = (await api.run(PICTURES)).data["variants"]["nodes"]
        assert variant["status"] == "HELD"
        assert (await steps.state(api, mira))["baseImageStatus"] == "PENDING_UPLOAD"


async def test_every_text_of_every_input_is_read_or_named_as_a_code() -> None:
    unread = {
        f"{cls.__name__}.{field.name}"
        for cls in INPUTS
        for field in dataclasses.fields(cls)
        if _mentions_text(typing.get_type_hints(cls)[field.name])
        and field.name not in content._free(cls)
        and field.name not in content.CODES
    }
    assert unread == set()


def _mentions_text(hint: Any) -> bool:
    return hint is str or any(_mentions_text(part) for part in typing.get_args(hint))


async def test_names_of_rules_for_fields_are_fields() -> None:
    names = {field.name for cls in INPUTS for field in dataclasses.fields(cls)}
    assert names >= content.PICTURED | content.CODES, (content.PICTURED | content.CODES) - names
