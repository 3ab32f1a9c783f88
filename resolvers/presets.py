"""Presets: ways of asking with a name. Built-in ones are code here, everybody's own are rows.

A preset is a wish, not an order: what the model in use cannot do of it is adapted or left out, while what a
caller says in so many words is done or refused. Built-in ones name no model, so they work with any.
"""

import dataclasses
import datetime
import re
import uuid
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from generators.catalog import Model
from resolvers import audit, choosing
from resolvers.checks import within
from resolvers.context import Context, Info, Parent
from resolvers.identity import Viewer
from resolvers.images_inputs import DeletePresetInput, SavePresetInput
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import named
from resolvers.visible import visible
from store.database.ids import new_id
from store.database.tables import Job, Preset, User

MOST_PRESETS = 100
SHAPE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
PARAMETERS = {
    "width": "width",
    "height": "height",
    "steps": "steps",
    "guidance": "guidance",
    "quality": "quality",
    "negative_prompt": "negativePrompt",
    "style": "style",
}
"""The parameters of a preset: our name, and the contract's."""
NAMESPACE = uuid.UUID("6f1b1f0e-4f5c-5d0a-9a55-0d9c6c1f7a01")


def _built_in(key: str, name: str, use_case: str, parameters: dict[str, Any], **more: Any) -> Preset:
    """A preset of everybody's: a row that no table has."""
    return Preset(
        id=uuid.uuid5(NAMESPACE, key),
        owner_id=None,
        key=key,
        name=name,
        model_key="",
        parameters=parameters,
        batch_count=more.get("batch_count", 1),
        smart_prompt=more.get("smart_prompt", False),
        use_case=use_case,
        created_at=None,
    )


def _square(side: int, **more: Any) -> dict[str, Any]:
    return {"width": side, "height": side, **more}


BUILT_IN: dict[str, Preset] = {
    preset.key: preset
    for preset in (
        _built_in(
            "portrait",
            "Portrait",
            "portrait",
            {
                "width": 832,
                "height": 1216,
                "steps": 40,
                "style": "Portrait photograph, headshot, soft studio lighting, shallow depth of field.",
            },
            smart_prompt=True,
        ),
        _built_in(
            "product",
            "Product shot",
            "product",
            _square(
                1024, steps=40, style="Product photograph, plain seamless background, even studio light."
            ),
            batch_count=2,
        ),
        _built_in(
            "avatar",
            "Avatar",
            "avatar",
            _square(512, steps=30, style="Centred face, plain background, readable when small."),
            batch_count=4,
        ),
        _built_in(
            "scene",
            "Scene",
            "scene",
            {
                "width": 1216,
                "height": 832,
                "steps": 40,
                "style": "Wide shot, the surroundings tell the story.",
            },
            smart_prompt=True,
        ),
        _built_in(
            "poster",
            "Poster",
            "poster",
            {
                "width": 832,
                "height": 1216,
                "steps": 50,
                "quality": "high",
                "style": "Poster composition, one strong focal point, room for a headline at the top.",
            },
        ),
        _built_in(
            "thumbnail",
            "Video thumbnail",
            "thumbnail",
            {
                "width": 1344,
                "height": 768,
                "steps": 30,
                "style": "Bold composition, high contrast, readable at a small size.",
            },
            batch_count=2,
        ),
        _built_in("draft", "Draft", "draft", _square(512, steps=20, quality="low"), batch_count=4),
        _built_in("standard", "Standard", "standard", _square(1024, steps=30, quality="medium")),
        _built_in("high", "High quality", "high quality", _square(1024, steps=50, quality="high")),
        _built_in(
            "print",
            "Print",
            "print",
            {
                "width": 1536,
                "height": 2048,
                "steps": 50,
                "quality": "high",
                "style": "Fine detail throughout, even exposure, for print.",
            },
        ),
    )
}
"""By key; the quality tiers are draft, standard and high."""


async def presets(info: Info) -> list[Preset]:
    """The built-in ones, then the viewer's own by name."""
    statement = select(Preset).where(visible(info.context.viewer, Preset)).order_by(Preset.name, Preset.id)
    async with info.context.reading() as session:
        own = (await session.scalars(statement)).all()
    return [*BUILT_IN.values(), *own]


def built_in(key: uuid.UUID) -> Preset | None:
    """The built-in preset of that id."""
    return next((preset for preset in BUILT_IN.values() if preset.id == key), None)


async def chosen(session: AsyncSession, viewer: Viewer, key: str) -> Preset:
    """The viewer's own preset of that key, or the built-in one; raises Refused UNKNOWN_PRESET."""
    own = await session.scalar(select(Preset).where(visible(viewer, Preset), Preset.key == key))
    preset = own or BUILT_IN.get(key)
    if preset is None:
        words = f"There is no preset {key!r}. `presets` lists them all."
        raise Refused(UserErrorCode.UNKNOWN_PRESET, words, ("presetKey",))
    return preset


async def preset_of(job: Parent[Job], info: Info) -> Preset | None:
    """The preset that a job began with, if it still exists."""
    if job.preset_key is None:
        return None
    loader = info.context.batched("presets", lambda keys: _own(info.context, keys))
    own: Preset | None = await loader.load((job.owner_id, job.preset_key))
    return own or BUILT_IN.get(job.preset_key)


def model_of(preset: Parent[Preset], info: Info) -> Model | None:
    """The model it names; of a built-in one the best local model now."""
    return info.context.models.get(preset.model_key) if preset.model_key else info.context.models.best_local()


async def owner_of(preset: Parent[Preset], info: Info) -> User | None:
    """Whose it is; None for a built-in one."""
    return await info.context.load(User, preset.owner_id)


def saved_at(preset: Parent[Preset]) -> datetime.datetime | None:
    """When it was saved first; None for a built-in one."""
    return preset.created_at


def is_system(preset: Parent[Preset]) -> bool:
    """Whether it is built in."""
    return preset.owner_id is None


async def save_preset(info: Info, asked: SavePresetInput) -> Preset:
    """Keep a way of asking under its key; what the model cannot do is refused now."""
    context = info.context
    if not SHAPE.fullmatch(asked.key):
        words = "A key has lower-case letters, digits and single hyphens between them, such as `my-portrait`."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("key",))
    if asked.key in BUILT_IN:
        raise Refused(
            UserErrorCode.CONFLICT, f"{asked.key!r} is a built-in preset; choose another key.", ("key",)
        )
    values = _values(context, asked)
    async with context.writing() as session:
        await session.execute(select(User.id).where(User.id == context.viewer.user_id).with_for_update())
        owned = select(func.count()).where(Preset.owner_id == context.viewer.user_id, Preset.key != asked.key)
        if (await session.execute(owned)).scalar_one() >= MOST_PRESETS:
            words = f"You have {MOST_PRESETS} presets, which is the most. Delete one first."
            raise Refused(UserErrorCode.INVALID_STATE, words)
        row = insert(Preset).values(id=new_id(), owner_id=context.viewer.user_id, key=asked.key, **values)
        saved = row.on_conflict_do_update(
            index_elements=[Preset.owner_id, Preset.key], set_=values
        ).returning(Preset)
        return (await session.scalars(saved, execution_options={"populate_existing": True})).one()


async def delete_preset(info: Info, asked: DeletePresetInput) -> Preset:
    """Delete one of the viewer's own."""
    context = info.context
    if asked.key in BUILT_IN:
        raise Refused(UserErrorCode.NOT_SUPPORTED, "A built-in preset cannot be deleted.", ("key",))
    async with context.writing() as session:
        statement = select(Preset).where(visible(context.viewer, Preset), Preset.key == asked.key)
        preset = await session.scalar(statement.with_for_update())
        if preset is None:
            raise Refused(UserErrorCode.NOT_FOUND, f"You have no preset {asked.key!r}.", ("key",))
        audit.note(context, session, "preset.deleted", preset, key=preset.key)
        await session.delete(preset)
    return preset


def _values(context: Context, asked: SavePresetInput) -> dict[str, Any]:
    """The columns; raises Refused for what the model cannot do."""
    model = choosing.image_model(context.models, asked.model)
    within("batchCount", asked.batch_count, 1, choosing.MOST_COUNT)
    fields = dataclasses.asdict(asked)
    choosing.check_preset(model, asked)
    return {
        "name": named(asked.name),
        "model_key": model.key,
        "parameters": {shown: fields[name] for name, shown in PARAMETERS.items() if fields[name] is not None},
        "batch_count": asked.batch_count,
        "smart_prompt": asked.smart_prompt,
        "use_case": asked.use_case,
    }


async def _own(context: Context, keys: list[tuple[uuid.UUID, str]]) -> list[Preset | None]:
    statement = select(Preset).where(
        visible(context.viewer, Preset), Preset.key.in_({key for _, key in keys})
    )
    async with context.reading() as session:
        rows = (await session.scalars(statement)).all()
    found = {(row.owner_id, row.key): row for row in rows}
    return [found.get(key) for key in keys]
