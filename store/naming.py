"""The traceable name of a picture: under it a copy lies in a folder for people, and a browser saves it."""

import uuid

from store.database.tables import ImageSource, Variant, VariantPurpose
from store.files import names
from store.files.containers import MediaType


def traceable_name(variant: Variant, media_type: str | None) -> str:
    """`persona_<id>_<uploaded|local|modelKey>_v<n>.<ext>` of a base image, else
    `<modelKey>_<YYYYMMDD>_<HHMMSS>_<jobId>_var<n>.<ext>`. `media_type` None = not made yet; it will be a PNG.
    """
    extension = MediaType(media_type).extension if media_type else "png"
    if variant.purpose is VariantPurpose.BASE_IMAGE and variant.subject_id is not None:
        origin = {ImageSource.UPLOAD: "uploaded", ImageSource.LOCAL: "local"}.get(variant.source)
        made_by = origin or variant.model_key or "stock"
        return names.base_image_name(
            "persona", variant.subject_id, made_by, variant.version_number, extension
        )
    made_at = variant.finished_at or variant.created_at
    group: uuid.UUID = variant.job_id or variant.id
    return names.variant_name(
        variant.model_key or "picture", made_at, group, variant.version_number, extension
    )
