"""What callers send about pictures in posts."""

import dataclasses

from resolvers.context import Maybe
from resolvers.fields import given, retry_key
from resolvers.ids import PostId, PostImageId, VariantId
from resolvers.inputs import LONG


@dataclasses.dataclass(frozen=True, kw_only=True)
class PostImageInput:
    """A picture for a new post."""

    variant_id: VariantId = given("The picture: DRAFT, APPROVED or PUBLISHED.")
    caption: str | None = given("What is written under it.", most=LONG, default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttachImageInput:
    """A picture to show in a post."""

    post_id: PostId = given("The post.")
    variant_id: VariantId = given("The picture: DRAFT, APPROVED or PUBLISHED, once in each post.")
    caption: str | None = given("What is written under it.", most=LONG, default=None)
    position: int | None = given(
        "From 1; those from there on move down. At the end when absent.", default=None
    )
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetachImageInput:
    """Which picture to take out of its post; the picture itself stays."""

    post_image_id: PostImageId = given("The picture in the post.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class UpdatePostImageInput:
    """Changes to a picture in a post: what is absent stays, what is null is cleared."""

    post_image_id: PostImageId = given("The picture in the post.")
    caption: Maybe[str | None] = given("What is written under it.", most=LONG, default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReorderPostImagesInput:
    """A new order for the pictures of a post."""

    post_id: PostId = given("The post.")
    post_image_ids: list[PostImageId] = given("All its pictures, each once, in the new order.")
