"""The mask of a picture that is painted anew in part: an upload, white where something is to change.

What a mask must be is held here, before anything is enqueued; which picture it belongs to is decided by `holding`.
"""

import uuid

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from generators.catalog import Capability, Model
from generators.spec import Conditioning, ConditioningKind, FileRef
from resolvers.context import Context
from resolvers.refused import Refused, UserErrorCode
from resolvers.subjects import missing
from resolvers.visible import visible
from store.database.tables import File, Upload
from store.files.refusals import UploadRefused
from store.files.vault import FileMissing

FIELD = "maskUploadId"
HALF = 128
USUAL = {ConditioningKind.INIT_IMAGE: 0.0}
"""Of what is marked nothing is kept, unless a weight says how much."""


async def found(context: Context, session: AsyncSession, upload_id: uuid.UUID | None) -> FileRef | None:
    """The viewer's upload as a mask, None without one.

    Raises:
        Refused: it is not theirs, is transparent somewhere, or has nothing white.
    """
    if upload_id is None:
        return None
    statement = select(File).join(Upload, Upload.file_id == File.id)
    file = await session.scalar(statement.where(Upload.id == upload_id, visible(context.viewer, Upload)))
    if file is None:
        raise missing(Upload, FIELD)
    try:
        data = await context.files.vault.read_async(file.sha256)
        levels = await context.files.decoder.levels(data)
    except (FileMissing, UploadRefused) as error:
        words = "The mask cannot be read any more. Upload it again."
        raise Refused(UserErrorCode.INVALID_FILE, words, (FIELD,)) from error
    if not levels.opaque:
        words = (
            "The mask is transparent in places, which could mean either. Give it without transparency: white is "
            "painted anew, black stays."
        )
        raise Refused(UserErrorCode.INVALID_FILE, words, (FIELD,))
    if levels.brightest < HALF:
        words = "The mask is empty: nothing in it is white, so nothing would change. Paint white what shall change."
        raise Refused(UserErrorCode.INVALID_FILE, words, (FIELD,))
    return FileRef(sha256=file.sha256, size=file.size, media_type=file.media_type)


def require(context: Context, model: Model) -> None:
    """Raise Refused for a model that cannot paint a part anew, naming those that can be used for it now."""
    if Capability.INPAINT in model.capabilities:
        return
    others = [
        other.key
        for other in context.models.list(Capability.INPAINT)
        if context.models.availability(other.key).available
    ]
    able = f"These can: {', '.join(others)}." if others else "No model that can is available here."
    words = f"{model.name} cannot paint a part of a picture anew. {able} Or leave the mask out."
    raise Refused(UserErrorCode.NOT_SUPPORTED, words, (FIELD,))


def require_picture(conditioning: tuple[Conditioning, ...]) -> None:
    """Raise Refused when there is no picture that the mask could belong to."""
    if any(one.kind is ConditioningKind.INIT_IMAGE for one in conditioning):
        return
    words = (
        "A mask needs a picture to change: give it as the first of `referenceUploadIds`, or hold the subject by "
        "INIT_IMAGE in `conditioning`."
    )
    raise Refused(UserErrorCode.INVALID_INPUT, words, (FIELD,))


def kept(mask: FileRef | None) -> dict[str, str]:
    """What a variant's parameters say of it: the SHA-256 of the mask."""
    return {} if mask is None else {"mask": mask.sha256}
