"""One of everything for one person, as rows; `$name` in a row of the matrix stands for one of these.

Two people each get a world of their own, equal but for the ids, so that a call can be made with one's own things
and one of somebody else's in between.
"""

import base64
import dataclasses
import uuid
from typing import Any

from sqlalchemy import func, select, text

from executor.specs import to_json
from generators.spec import ImageSpec, TextSpec
from resolvers.identity import create_key
from store.database.ids import new_id
from store.database.sessions import Database
from store.database.tables import (
    Adapter,
    ApiKey,
    AuditEntry,
    BaseImageStatus,
    Beat,
    Character,
    DeliveryState,
    DiceRoll,
    Embedding,
    File,
    Game,
    ImageSource,
    Job,
    JobKind,
    JobStatus,
    Persona,
    Post,
    PostImage,
    PostStatus,
    Preset,
    Table,
    Task,
    TaskKind,
    Upload,
    Variant,
    VariantPurpose,
    VariantStatus,
    WebhookDelivery,
    WebhookEndpoint,
)

ENCODER = "encoder"
KINDS = {"key": "ApiKey", "webhook": "WebhookEndpoint", "delivery": "WebhookDelivery"}
"""Type names in ids that are not the row's class name."""


@dataclasses.dataclass(frozen=True)
class World:
    """Global ids by name."""

    user_id: uuid.UUID
    ids: dict[str, str]

    def of(self, given: Any) -> Any:
        """`given` with this person's things in place of their names."""
        if isinstance(given, dict):
            return {name: self.of(value) for name, value in given.items()}
        if isinstance(given, list):
            return [self.of(value) for value in given]
        if isinstance(given, str) and given.startswith("$"):
            return self.ids[given[1:]]
        return given


def global_id(kind: str, key: uuid.UUID) -> str:
    """As the contract spells it."""
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


def never_was(real: str) -> str:
    """An id of the same kind that names nothing."""
    kind = base64.b64decode(real).decode().partition(":")[0]
    return global_id(kind, new_id())


def uuid_in(given: str) -> str | None:
    """The UUID that a global id, or a bare one, holds."""
    for plain in (given, _decoded(given).partition(":")[2]):
        try:
            return str(uuid.UUID(plain))
        except ValueError:
            continue
    return None


async def build(db: Database, user_id: uuid.UUID) -> World:
    """Insert it all."""
    await create_key(db, user_id, "a key")
    async with db.begin() as session:
        rows = _rows(user_id)
        for row in rows.values():
            session.add(row)
            await session.flush()
        rows["persona"].base_image_id = rows["draft"].id
        rows["persona"].active_adapter_id = rows["adapter"].id
        rows["approved"].base_image_id = rows["approved_image"].id
        rows["character"].base_image_id = rows["character_image"].id
        key = (await session.scalars(select(ApiKey).where(ApiKey.user_id == user_id).limit(1))).one()
    ids = {
        name: global_id(KINDS.get(name, type(row).__name__), row.id)
        for name, row in {**rows, "key": key}.items()
        if hasattr(row, "id")
    }
    return World(user_id, {**ids, "user": global_id("User", user_id)})


async def belongings(db: Database, user_id: uuid.UUID) -> set[str]:
    """The id of every row of that person's, in every table."""
    found = {str(user_id)}
    async with db.session() as session:
        for table, owner in _owned():
            if "id" in table.c:
                found |= {
                    str(each) for each in await session.scalars(select(table.c.id).where(owner == user_id))
                }
    return found


async def fingerprint(db: Database, user_id: uuid.UUID) -> str:
    """Changes when anything of that person's does."""
    parts = []
    async with db.session() as session:
        for table, owner in _owned():
            if table.name == "api_keys":  # says when each was used last
                continue
            rows = text(f'"{table.name}"::text')
            whole = select(func.md5(func.string_agg(rows, text(f"E'\\n' ORDER BY \"{table.name}\"::text"))))
            parts.append(str(await session.scalar(whole.select_from(table).where(owner == user_id))))
    return " ".join(parts)


def _owned() -> list[tuple[Any, Any]]:
    tables = Table.metadata.sorted_tables
    return [
        (table, table.c.owner_id if "owner_id" in table.c else table.c.user_id)
        for table in tables
        if "owner_id" in table.c or "user_id" in table.c
    ] + [(table, table.c.id) for table in tables if table.name == "users"]


def _rows(user_id: uuid.UUID) -> dict[str, Any]:
    mine = {"owner_id": user_id}
    rows: dict[str, Any] = {
        "file": File(
            id=new_id(), **mine, sha256=uuid.uuid4().hex * 2, size=1, media_type="image/png", width=64, height=64,
            thumbnail_256="1" * 64, thumbnail_512="2" * 64, placeholder="", perceptual_hash="0" * 16,
        ),
        "game": Game(id=new_id(), **mine, name="The harbour"),
        "persona": Persona(
            id=new_id(), **mine, name="Mira", appearance="a baker", base_image_status=BaseImageStatus.DRAFT,
            base_image_versions=1,
        ),
        "approved": Persona(
            id=new_id(), **mine, name="Tom", appearance="a tailor", base_image_status=BaseImageStatus.APPROVED,
            base_image_versions=1,
        ),
    }  # fmt: skip
    file_id, game_id = rows["file"].id, rows["game"].id
    rows["upload"] = Upload(id=new_id(), **mine, file_id=file_id, original_name="me.png")
    rows["character"] = Character(
        id=new_id(), **mine, name="Nyx", base_appearance_description="an elf", game_id=game_id,
        base_image_status=BaseImageStatus.DRAFT, base_image_versions=1,
    )  # fmt: skip
    rows["beat"] = Beat(id=new_id(), **mine, game_id=game_id, title="Dawn", position=1)
    rows["other_beat"] = Beat(id=new_id(), **mine, game_id=game_id, title="Dusk", position=2)
    rows["adapter"] = Adapter(
        id=new_id(), **mine, subject_id=rows["persona"].id, base_model_key="scripted", provider="LOCAL", rank=8,
        trigger="zwx", training_images=5,
    )  # fmt: skip
    return rows | _work(user_id, rows) | _outward(user_id)


def _work(user_id: uuid.UUID, before: dict[str, Any]) -> dict[str, Any]:
    mine = {"owner_id": user_id}
    persona = before["persona"].id
    rows: dict[str, Any] = {
        "post": Post(id=new_id(), **mine, title="Bread", slug="bread", status=PostStatus.AWAITING_APPROVAL,
                     persona_id=persona),
        "beat_post": Post(id=new_id(), **mine, beat_id=before["beat"].id, persona_id=persona, content="It begins."),
        "job": Job(id=new_id(), **mine, kind=JobKind.IMAGE, title="done", status=JobStatus.SUCCEEDED,
                   subject_id=persona, finished_at=func.clock()),
        "scene_job": Job(id=new_id(), **mine, kind=JobKind.IMAGE, title="scenes", status=JobStatus.SUCCEEDED,
                         finished_at=func.clock()),
        "queued_job": Job(id=new_id(), **mine, kind=JobKind.IMAGE, title="waits"),
        "failed_job": Job(id=new_id(), **mine, kind=JobKind.IMAGE, title="failed", status=JobStatus.FAILED,
                          finished_at=func.clock()),
    }  # fmt: skip
    rows["retried_job"] = Job(
        id=new_id(), **mine, kind=JobKind.IMAGE, title="again", status=JobStatus.SUCCEEDED,
        retry_of_id=rows["failed_job"].id, continues_id=rows["job"].id, series_id=rows["job"].id,
        post_id=rows["post"].id, finished_at=func.clock(),
    )  # fmt: skip
    rows |= _pictures(user_id, before | rows)
    rows["failed_task"] = _task(rows["failed"], JobStatus.FAILED)
    rows["queued_task"] = _task(rows["queued"], JobStatus.QUEUED)
    rows["post_image"] = PostImage(
        id=new_id(), **mine, post_id=rows["beat_post"].id, variant_id=rows["scene"].id, position=1,
        character_id=before["character"].id,
    )  # fmt: skip
    rows["dice_roll"] = DiceRoll(
        id=new_id(), **mine, post_id=rows["beat_post"].id, notation="1d6", total=3, breakdown="1d6 (3) = 3"
    )
    for name in ("draft", "scene", "candidate"):
        rows[f"{name}_embedding"] = Embedding(
            variant_id=rows[name].id, encoder=ENCODER, owner_id=user_id, vector=[1.0, 0.0]
        )
    return rows


def _pictures(user_id: uuid.UUID, rows: dict[str, Any]) -> dict[str, Any]:
    def picture(status: VariantStatus = VariantStatus.DRAFT, version: int = 1, **given: Any) -> Variant:
        made = {"file_id": rows["file"].id, "width": 64, "height": 64, "finished_at": func.clock()}
        if status in {VariantStatus.QUEUED, VariantStatus.FAILED}:
            made = {}
        return Variant(
            id=new_id(), owner_id=user_id, status=status, version_number=version, source=ImageSource.LOCAL,
            **{"purpose": VariantPurpose.SCENE, "model_key": "scripted", "original_prompt": "a", "seed": 1,
               **made, **given},
        )  # fmt: skip

    base: dict[str, Any] = {"purpose": VariantPurpose.BASE_IMAGE}
    held_by = [{"kind": "INIT_IMAGE", "weight": 0.5, "sourceId": None}]
    return {
        "draft": picture(**base, subject_id=rows["persona"].id, job_id=rows["job"].id, conditioning=held_by),
        "approved_image": picture(
            VariantStatus.APPROVED, **base, subject_id=rows["approved"].id, approved_at=func.clock()
        ),
        "character_image": picture(**base, subject_id=rows["character"].id),
        "scene": picture(job_id=rows["scene_job"].id),
        "spare": picture(version=2, job_id=rows["scene_job"].id),
        "candidate": picture(
            purpose=VariantPurpose.POST_IMAGE, post_id=rows["post"].id, job_id=rows["retried_job"].id
        ),
        "held": picture(VariantStatus.HELD, version=3, job_id=rows["scene_job"].id, held_reason="for review"),
        "failed": picture(VariantStatus.FAILED, job_id=rows["failed_job"].id, failure_code="TIMEOUT"),
        "queued": picture(VariantStatus.QUEUED, job_id=rows["queued_job"].id),
    }


def _task(variant: Variant, state: JobStatus) -> Task:
    spec = ImageSpec(
        variant_id=str(variant.id), model="scripted", prompt="a", width=64, height=64, steps=2, seed=1
    )
    return Task(
        id=new_id(), owner_id=variant.owner_id, job_id=variant.job_id, variant_id=variant.id, kind=TaskKind.IMAGE,
        lane="local", model_key="scripted", state=state, spec=to_json(spec),
    )  # fmt: skip


def _outward(user_id: uuid.UUID) -> dict[str, Any]:
    mine = {"owner_id": user_id}
    webhook = WebhookEndpoint(
        id=new_id(), **mine, url="https://example.com/", secret="whsec_c2VjcmV0", events=["job.failed"]
    )
    delivery = WebhookDelivery(
        id=new_id(), **mine, endpoint_id=webhook.id, event="job.failed", event_key="job.failed:1", payload={},
        state=DeliveryState.FAILED,
    )  # fmt: skip
    text_job = Job(
        id=new_id(), **mine, kind=JobKind.TEXT, title="words", text="Once upon a time.",
        status=JobStatus.SUCCEEDED, finished_at=func.clock(),
    )  # fmt: skip
    words = TextSpec(model="writer", instructions="", prompt="a story")
    written = Task(
        id=new_id(), **mine, job_id=text_job.id, kind=TaskKind.WRITE, lane="text", state=JobStatus.SUCCEEDED,
        spec=to_json(words),
    )  # fmt: skip
    return {
        "webhook": webhook,
        "delivery": delivery,
        "text_job": text_job,
        "written": written,
        "preset": Preset(id=new_id(), **mine, key="mine", name="Mine", model_key="scripted"),
        "audit_entry": AuditEntry(id=new_id(), **mine, actor="somebody", action="job.retried"),
    }


def _decoded(given: str) -> str:
    try:
        return base64.b64decode(given, validate=True).decode("ascii")
    except ValueError:
        return ""
