"""What callers send: plain frozen dataclasses, published as they are by the schema.

Every field carries its words, and every text its maximum; `resolvers.checks` holds both against what came.
Knows no GraphQL but `Maybe` (absent and null differ where a field can be cleared).
"""

import dataclasses
import enum
from typing import NewType, Protocol

from generators.spec import Determinism
from resolvers.conditioning_inputs import ConditioningInput
from resolvers.context import Maybe
from resolvers.fields import given, retry_key
from resolvers.ids import JobId, ModelKey, SubjectId, UploadId, VariantId
from store.database.tables import (
    BaseImageStatus,
    ImageSource,
    JobKind,
    JobStatus,
    VariantPurpose,
    VariantStatus,
)

BigInt = NewType("BigInt", int)
NAME = 200
PROMPT = 4_000
LONG = 8_000
LARGEST_SEED = 2**53 - 1


class UploadedFile(Protocol):
    """A file that came with the operation; the transport has it."""

    filename: str | None

    async def read(self, size: int = -1) -> bytes:
        """At most `size` bytes more; all that is left for -1."""
        ...


class Direction(enum.Enum):
    """Which way a list runs."""

    ASC = "ASC"
    DESC = "DESC"


class SubjectOrderField(enum.Enum):
    """What personas can be ordered by."""

    CREATED_AT = "CREATED_AT"
    NAME = "NAME"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SubjectOrder:
    """How to order personas."""

    field: SubjectOrderField = given("What to order by.", default=SubjectOrderField.CREATED_AT)
    direction: Direction = given("Which way.", default=Direction.DESC)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PersonaFilter:
    """Which personas; every condition that is given must hold."""

    status: list[BaseImageStatus] | None = given("The base image stands at one of these.", default=None)
    name_contains: str | None = given(
        "The name has this in it, in upper or lower case.", most=NAME, default=None
    )


class VariantOrderField(enum.Enum):
    """What pictures can be ordered by."""

    CREATED_AT = "CREATED_AT"


@dataclasses.dataclass(frozen=True, kw_only=True)
class VariantOrder:
    """How to order variants."""

    field: VariantOrderField = given("What to order by.", default=VariantOrderField.CREATED_AT)
    direction: Direction = given("Which way.", default=Direction.DESC)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VariantFilter:
    """Which variants; every condition that is given must hold."""

    subject_id: SubjectId | None = given("Pictures of this persona or character.", default=None)
    job_id: JobId | None = given("Pictures of this job.", default=None)
    status: list[VariantStatus] | None = given("At one of these statuses.", default=None)
    purpose: VariantPurpose | None = given("Made for this.", default=None)
    source: ImageSource | None = given("From there.", default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which jobs; every condition that is given must hold."""

    subject_id: SubjectId | None = given("About this persona or character.", default=None)
    kind: JobKind | None = given("Of this kind.", default=None)
    status: list[JobStatus] | None = given("At one of these statuses.", default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CreatePersonaInput:
    """A new persona. `appearance` or `baseAppearanceDescription` is needed, both may be given."""

    name: str = given("What people call the persona.", most=NAME)
    appearance: str | None = given("The look in a phrase.", most=LONG, default=None)
    base_appearance_description: str | None = given(
        "The look in detail; prompts use it, and `appearance` only without it.", most=LONG, default=None
    )
    personality: str | None = given("How the persona thinks and speaks.", most=LONG, default=None)
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class UpdatePersonaInput:
    """Changes to a persona: what is absent stays, what is null is cleared."""

    subject_id: SubjectId = given("The persona.")
    name: Maybe[str] = given("What people call the persona.", most=NAME, default=None)
    appearance: Maybe[str | None] = given("The look in a phrase.", most=LONG, default=None)
    base_appearance_description: Maybe[str | None] = given("The look in detail.", most=LONG, default=None)
    personality: Maybe[str | None] = given("How the persona thinks and speaks.", most=LONG, default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeleteSubjectInput:
    """Which persona or character to delete, with all its pictures and jobs."""

    subject_id: SubjectId = given("The persona or character.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class UploadBaseImageInput:
    """A picture for a base image: PNG, JPEG or WEBP, 10 MB at most; either `file` or `uploadId`."""

    subject_id: SubjectId = given("The persona or character that it shows.")
    file: UploadedFile | None = given("The picture, sent along with the operation.", default=None)
    upload_id: UploadId | None = given("The picture, sent before to `POST /uploads`.", default=None)
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutoApproveInput:
    """Approve a finished picture by itself if it is good enough. A score that cannot be measured never approves."""

    min_quality: float | None = given("The lowest `quality`, 0 to 1.", default=None)
    min_likeness: float | None = given("The lowest `likeness`, 0 to 1.", default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenerateBaseImageInput:
    """A base image to make. While a draft exists it is refined, unless `fromScratch` is true."""

    subject_id: SubjectId = given("The persona or character that it shows.")
    model: ModelKey | None = given(
        "The `key` of the model; the best local one that is available when absent.", most=NAME, default=None
    )
    count: int = given("How many candidates, 1 to 8.", default=1)
    width: int | None = given(
        "Pixels; 1024 when absent, or the model's native width where that is smaller.", default=None
    )
    height: int | None = given(
        "Pixels; 1024 when absent, or the model's native height where that is smaller.", default=None
    )
    steps: int | None = given("Denoise steps, 1 to 1000; 50 when absent.", default=None)
    guidance: float | None = given(
        "How closely the prompt is followed, 0 to 50; the model's own when absent.", default=None
    )
    determinism: Determinism = given("How exactly the picture can be made again.", default=Determinism.FAST)
    seed: BigInt | None = given(
        "0 to 2^53-1; random when absent. Candidate i (from 0) has the seed plus i, beginning anew at 0 after "
        "2^53-1; each variant returns its own.",
        default=None,
    )
    negative_prompt: str | None = given(
        "What to keep out of the picture. Absent or null = the model's own way without one; an empty text is "
        "a negative prompt that says nothing.",
        most=PROMPT,
        default=None,
    )
    refine_from: VariantId | None = given(
        "Refine this base image instead of the current draft: any finished version, older and rejected ones too.",
        default=None,
    )
    from_scratch: bool = given("Begin anew even though a draft exists.", default=False)
    mask_upload_id: UploadId | None = given(
        "Paint only a part of the refined picture anew: an uploaded picture of any size, white where "
        "something shall change and black where all stays, scaled to the picture. Models with the capability "
        "INPAINT.",
        default=None,
    )
    conditioning: list[ConditioningInput] | None = given(
        "How the refined picture holds the new one, and how strongly. When absent half of it is kept, who it shows by "
        "an IP-Adapter and its edges by a ControlNet where the model has them.",
        default=None,
    )
    auto_approve: AutoApproveInput | None = given(
        "Approve what is good enough; off when absent.", default=None
    )
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ApproveBaseImageInput:
    """Which base image to approve; approving locks the appearance."""

    subject_id: SubjectId = given("The persona or character.")
    variant_id: VariantId | None = given("Another draft than the current one, older ones too.", default=None)
    train_adapter: bool = given(
        "Also train an adapter on this picture and on the subject's others that are approved, published or favourites, "
        "with the best local model that can be trained. When that cannot be, nothing is approved.",
        default=False,
    )
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class RejectBaseImageInput:
    """Which base image to reject, and why."""

    subject_id: SubjectId = given("The persona or character.")
    variant_id: VariantId | None = given("Another draft than the current one.", default=None)
    reason: str | None = given("Why; kept with the picture.", most=LONG, default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnlockAppearanceInput:
    """Whose appearance to unlock: the approved picture becomes a draft again."""

    subject_id: SubjectId = given("The persona or character.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CancelJobInput:
    """Which job to cancel; finished variants stay."""

    job_id: JobId = given("The job.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetryJobInput:
    """Which finished job to try again: a new job makes the variants that are missing."""

    job_id: JobId = given("The job, SUCCEEDED, FAILED or CANCELED.")
    idempotency_key: str | None = retry_key()
