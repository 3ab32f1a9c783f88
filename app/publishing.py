"""Which targets the settings offer, which one is used, and where copies under names for people lie."""

import pathlib

from app.server_settings import ServerSettings
from app.settings import Settings, SettingsError
from executor.publishing import Places
from store.files.cloudinary import CloudinarySettings, CloudinaryTarget
from store.files.copies import NamedCopies
from store.files.local import LocalFolder
from store.files.s3 import S3Settings, S3Target
from store.files.targets import Target
from store.publishing_settings import PublishingSettings
from store.settings import StoreSettings

SERVED_AT = "/published"
NEEDS = {"s3": "S3_BUCKET", "cloudinary": "CLOUDINARY_URL"}


def published_folder(settings: Settings) -> pathlib.Path:
    """The folder that this server serves at /published/."""
    chosen = settings.section(PublishingSettings).published_dir
    return chosen or settings.section(StoreSettings).data_dir / "published"


def places(settings: Settings) -> Places:
    """Every target that is configured; connects to nothing.

    Raises:
        SettingsError: PUBLISH_TARGET names one that is not configured, or its settings cannot be used.
    """
    chosen, data = settings.section(PublishingSettings), settings.section(StoreSettings).data_dir
    targets = _targets(settings)
    wanted = next(iter(targets)) if chosen.publish_target == "auto" else chosen.publish_target
    if wanted not in targets:
        raise SettingsError(f"PUBLISH_TARGET is {wanted}, but {NEEDS[wanted]} is not set.")
    return Places(
        targets=targets,
        publish_to=wanted,
        copies=NamedCopies(
            base_images=chosen.base_images_dir or data / "base_images",
            previews=chosen.previews_dir or data / "previews",
        ),
        keep_original=chosen.keep_original_after_publish,
    )


def _targets(settings: Settings) -> dict[str, Target]:
    """By name, the one that is preferred first."""
    cloudinary, bucket = settings.section(CloudinarySettings), settings.section(S3Settings)
    found: dict[str, Target] = {}
    try:
        if cloudinary.cloudinary_url:
            found["cloudinary"] = CloudinaryTarget(cloudinary)
        if bucket.s3_bucket:
            found["s3"] = S3Target(bucket)
    except ValueError as error:
        raise SettingsError(f"{error}.") from error
    public = (settings.section(ServerSettings).public_url or "").rstrip("/")
    found["local"] = LocalFolder(published_folder(settings), public + SERVED_AT)
    return found
