"""The closed sets of words that rows are made of. Published unchanged by the schema; one spelling each."""

import enum


class Role(enum.Enum):
    """What a user may do."""

    OWNER = "OWNER"
    EDITOR = "EDITOR"
    REVIEWER = "REVIEWER"
    VIEWER = "VIEWER"


class SubjectKind(enum.Enum):
    """Which of the two kinds of subject a row is."""

    PERSONA = "PERSONA"
    CHARACTER = "CHARACTER"


class BaseImageStatus(enum.Enum):
    """Where a subject's base image stands."""

    PENDING_UPLOAD = "PENDING_UPLOAD"
    DRAFT = "DRAFT"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


class VariantStatus(enum.Enum):
    """Where one picture stands; DRAFT is finished and waits for a decision."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DRAFT = "DRAFT"
    HELD = "HELD"
    APPROVED = "APPROVED"
    PUBLISHED = "PUBLISHED"
    REJECTED = "REJECTED"
    BLOCKED = "BLOCKED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


class VariantPurpose(enum.Enum):
    """What a picture is for."""

    BASE_IMAGE = "BASE_IMAGE"
    POST_IMAGE = "POST_IMAGE"
    SCENE = "SCENE"


class ImageSource(enum.Enum):
    """Where a picture comes from."""

    UPLOAD = "UPLOAD"
    LOCAL = "LOCAL"
    CLOUD = "CLOUD"
    STOCK = "STOCK"


class JobKind(enum.Enum):
    """What was asked for."""

    IMAGE = "IMAGE"
    ARTICLE = "ARTICLE"
    TEXT = "TEXT"
    TRAINING = "TRAINING"
    PUBLICATION = "PUBLICATION"
    DOWNLOAD = "DOWNLOAD"


class JobStatus(enum.Enum):
    """Where a job or a task stands; the last three are final and never left."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"

    @property
    def final(self) -> bool:
        """Whether it can no longer change."""
        return self in FINAL


FINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED})


class TaskKind(enum.Enum):
    """What a worker does for a job."""

    IMAGE = "IMAGE"
    WRITE = "WRITE"
    TRAIN = "TRAIN"
    PUBLISH = "PUBLISH"
    DOWNLOAD = "DOWNLOAD"
    DELIVER = "DELIVER"


class CallState(enum.Enum):
    """What is known about one paid call; UNKNOWN is never sent again by itself."""

    INTENDED = "INTENDED"
    ACCEPTED = "ACCEPTED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


class PostStatus(enum.Enum):
    """Where a post stands."""

    DRAFT = "DRAFT"
    WRITING = "WRITING"
    AWAITING_IMAGE = "AWAITING_IMAGE"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    PUBLISHING = "PUBLISHING"
    PUBLISHED = "PUBLISHED"


class LedgerKind(enum.Enum):
    """HOLD promises, RELEASE lifts a hold (a negative amount), CAPTURE bills, CORRECT mends a bill."""

    HOLD = "HOLD"
    CAPTURE = "CAPTURE"
    RELEASE = "RELEASE"
    CORRECT = "CORRECT"


class PublicationState(enum.Enum):
    """INTENDED before the upload, UPLOADED once it is verified, PUBLISHED once rows say so, then WITHDRAWN."""

    INTENDED = "INTENDED"
    UPLOADED = "UPLOADED"
    PUBLISHED = "PUBLISHED"
    WITHDRAWN = "WITHDRAWN"


class DeliveryState(enum.Enum):
    """Where a webhook message stands."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
