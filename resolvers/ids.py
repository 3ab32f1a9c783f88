"""Ids of things, typed by what they may name.

In the contract each is a Relay global id; the schema decodes it before a resolver sees it, so a resolver only
ever holds a UUID of the right kind. Knows nothing of the encoding.
"""

import dataclasses
import uuid
from typing import NewType

from store.database.tables import (
    Adapter,
    ApiKey,
    Beat,
    Game,
    Job,
    Post,
    PostImage,
    Subject,
    Table,
    Upload,
    User,
    Variant,
    WebhookDelivery,
    WebhookEndpoint,
)

GlobalId = NewType("GlobalId", str)
"""Not decoded yet: it may name anything."""

ModelKey = NewType("ModelKey", str)
"""The key of a catalog row; an ID in the contract, though no global one."""

SubjectId = NewType("SubjectId", uuid.UUID)
VariantId = NewType("VariantId", uuid.UUID)
JobId = NewType("JobId", uuid.UUID)
UploadId = NewType("UploadId", uuid.UUID)
ApiKeyId = NewType("ApiKeyId", uuid.UUID)
UserId = NewType("UserId", uuid.UUID)
WebhookId = NewType("WebhookId", uuid.UUID)
DeliveryId = NewType("DeliveryId", uuid.UUID)
AdapterId = NewType("AdapterId", uuid.UUID)
PostId = NewType("PostId", uuid.UUID)
GameId = NewType("GameId", uuid.UUID)
BeatId = NewType("BeatId", uuid.UUID)
PostImageId = NewType("PostImageId", uuid.UUID)

TABLES: dict[object, type[Table]] = {
    SubjectId: Subject,
    VariantId: Variant,
    JobId: Job,
    UploadId: Upload,
    ApiKeyId: ApiKey,
    UserId: User,
    WebhookId: WebhookEndpoint,
    DeliveryId: WebhookDelivery,
    AdapterId: Adapter,
    PostId: Post,
    GameId: Game,
    BeatId: Beat,
    PostImageId: PostImage,
}
"""What each kind of id may name; subclasses included."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ref:
    """One row, named from outside."""

    table: type[Table]
    key: uuid.UUID


@dataclasses.dataclass(frozen=True, kw_only=True)
class Named:
    """One id as it was given, and what it names; None = it is no id."""

    given: GlobalId
    ref: Ref | None


LooseId = NewType("LooseId", Named)
"""For lists of which each id has an outcome of its own: a malformed one is no reason to refuse the others."""
