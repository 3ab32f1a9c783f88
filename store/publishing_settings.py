"""What publishing can be told: which target, what stays here, and where copies under names for people lie."""

import pathlib
from typing import Literal

from pydantic import BaseModel, Field


class PublishingSettings(BaseModel):
    """Where pictures go when they are published, and what becomes of their previews."""

    publish_target: Literal["auto", "local", "s3", "cloudinary"] = Field(
        "auto",
        description="Where pictures are published: `cloudinary` (CLOUDINARY_URL), `s3` (S3_BUCKET) or `local` (the "
        "folder PUBLISHED_DIR, served at /published/). `auto` = the first of these that is configured.",
    )
    published_dir: pathlib.Path | None = Field(
        None,
        description="Folder of pictures that are published by this server itself; DATA_DIR/published when not set.",
    )
    keep_original_after_publish: bool = Field(
        True,
        description="Keep the private original of a picture that is published. Off deletes it once the upload is "
        "verified and nothing else refers to its bytes.",
    )
    base_images_dir: pathlib.Path | None = Field(
        None,
        description="Folder of copies of base images under traceable names; DATA_DIR/base_images when not set.",
    )
    previews_dir: pathlib.Path | None = Field(
        None,
        description="Folder of copies of other pictures under traceable names, until they are published; "
        "DATA_DIR/previews when not set. May be a Downloads folder.",
    )
    retention_days: float = Field(
        7.0,
        ge=0,
        description="Days after which an undecided picture (a DRAFT that is no base image and not kept) is removed; "
        "0 = never. `python -m app retention --dry-run` lists what would go.",
    )
