"""What callers send about adapters and checkpoints."""

import dataclasses

from resolvers.fields import given, retry_key
from resolvers.ids import AdapterId, ModelKey, SubjectId, UploadId, VariantId
from resolvers.inputs import NAME, BigInt

CAPTION = 1_000
TRIGGER = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainAdapterInput:
    """An adapter to train on 3 to 50 pictures, finished ones or uploads, each of them once."""

    subject_id: SubjectId = given("The persona or character that the pictures show.")
    variant_ids: list[VariantId] | None = given(
        "Finished pictures. With neither these nor `uploadIds`: the subject's approved, published, favourite and kept "
        "ones, the newest 50.",
        default=None,
    )
    upload_ids: list[UploadId] | None = given("Pictures sent before to `POST /uploads`.", default=None)
    captions: list[str] | None = given(
        "What each picture shows beside the look: pose, place, clothes, light. One for each picture, those of "
        "`variantIds` first; an empty one, as all when absent, is made of the words that the picture was made from, "
        "or says only who it is.",
        most=CAPTION,
        default=None,
    )
    trigger: str | None = given(
        "The word to which the adapter answers, letters and digits; one made from the name when absent.",
        most=TRIGGER,
        default=None,
    )
    class_prompt: str | None = given(
        'What kind of thing the subject is, such as "woman" or "robot"; "person" or "character" when absent.',
        most=NAME,
        default=None,
    )
    steps: int | None = given("1 to 6000; the model's usual number when absent.", default=None)
    rank: int | None = given(
        "1 to 128: how much the adapter can learn; the model's usual rank when absent.", default=None
    )
    learning_rate: float | None = given(
        "Above 0, at most 0.1; the model's usual one when absent.", default=None
    )
    resolution: int | None = given(
        "Pixels of a side of the squares to which the pictures are cropped, 64 to the model's `maxSide`; the model's "
        "native side when absent. A smaller one takes less memory and time, and learns fewer details. Local "
        "checkpoints only.",
        default=None,
    )
    prior_preservation: bool = given(
        "Learn pictures of the class beside, so that the model does not forget what others look like. Local "
        "checkpoints only.",
        default=False,
    )
    seed: BigInt | None = given("0 to 2^53-1; random when absent.", default=None)
    model: ModelKey | None = given(
        "The `key` of a model that can be trained; the best local one that is available when absent.",
        most=NAME,
        default=None,
    )
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ActivateAdapterInput:
    """Which adapter holds a subject's look from now on."""

    subject_id: SubjectId = given("The persona or character.")
    adapter_id: AdapterId | None = given("One of the subject's adapters; none when absent.", default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeleteAdapterInput:
    """Which adapter to delete, with its weights."""

    adapter_id: AdapterId = given("The adapter.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DownloadCheckpointInput:
    """Which checkpoint to bring onto this server."""

    model: ModelKey = given("The `key` of a local model that is not here yet.", most=NAME)
    idempotency_key: str | None = retry_key()
