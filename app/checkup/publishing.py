"""Looks at where pictures are published, and at the folders of copies for people."""

from collections.abc import Iterator

from app.checkup.finding import Finding, State
from app.publishing import places
from app.settings import Settings, SettingsError

WHERE = {
    "local": "this server itself, at /published/",
    "s3": "the bucket S3_BUCKET",
    "cloudinary": "the account in CLOUDINARY_URL",
}


def publishing(settings: Settings) -> Iterator[Finding]:
    """One finding."""
    try:
        found = places(settings)
    except SettingsError as error:
        yield Finding(
            what="Publishing",
            state=State.MISSING_ESSENTIAL,
            words=str(error),
            remedy="Set it, or PUBLISH_TARGET=auto.",
        )
        return
    words = f"To {WHERE[found.publish_to]}; previews are copied to {found.copies.previews}."
    yield Finding(what="Publishing", state=State.WORKS, words=words)
