"""Files sent ahead of the mutation that uses them (`POST /uploads`)."""

import dataclasses
import uuid

from resolvers.context import Context
from resolvers.identity import Scope
from resolvers.refused import forbidden
from store.database.ids import new_id
from store.database.tables import Upload
from store.files.names import display_name
from store.pictures import drop_bytes, keep_picture, store_bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeptUpload:
    """What was kept; sizes in pixels. `placeholder` is a thumbhash, base64."""

    id: uuid.UUID
    name: str
    width: int
    height: int
    media_type: str
    placeholder: str


async def keep_upload(context: Context, data: bytes, file_name: str | None) -> KeptUpload:
    """Clean a picture and keep it for its sender; nothing is kept when it is refused.

    Raises:
        UploadRefused: the picture is not taken; the sentence says why.
        Told: FORBIDDEN, when the viewer may not write.
    """
    if not context.viewer.may(Scope.WRITE):
        raise forbidden("This key may not upload.")
    image = await context.files.decoder.clean(data, file_name=file_name)
    picture = await store_bytes(context.files.vault, image.data, image.media_type, image.looks)
    try:
        async with context.writing() as session:
            file = await keep_picture(session, context.viewer.user_id, picture)
            upload = Upload(
                id=new_id(),
                owner_id=context.viewer.user_id,
                file_id=file.id,
                original_name=display_name(file_name),
            )
            session.add(upload)
    except BaseException:
        await drop_bytes(context.db, context.files.vault, picture.hashes)
        raise
    return KeptUpload(
        id=upload.id,
        name=upload.original_name,
        width=picture.width,
        height=picture.height,
        media_type=picture.media_type.value,
        placeholder=picture.placeholder,
    )
