"""What callers send to have pictures made."""

import dataclasses

from generators.spec import Determinism
from resolvers.character_inputs import CreateCharacterInput
from resolvers.conditioning_inputs import ConditioningInput
from resolvers.fields import given, retry_key
from resolvers.ids import JobId, ModelKey, PostId, SubjectId, UploadId
from resolvers.inputs import LONG, NAME, PROMPT, AutoApproveInput, BigInt

PRESET_KEY = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenerateImagesInput:
    """Pictures to make. What is absent comes from the job that is continued, then from the preset."""

    prompt: str | None = given(
        "What the pictures show; this or `scene` is needed.", most=PROMPT, default=None
    )
    scene: str | None = given("Where and when it happens, added to the prompt.", most=PROMPT, default=None)
    negative_prompt: str | None = given(
        "What to keep out. Absent or null = the model's own way without one; an empty text is a negative prompt "
        "that says nothing.",
        most=PROMPT,
        default=None,
    )
    title: str | None = given(
        "The job's title; the prompt's first words when absent.", most=NAME, default=None
    )
    project: str | None = given("The project it belongs to.", most=NAME, default=None)
    use_case: str | None = given("What the pictures are for.", most=NAME, default=None)
    subject_id: SubjectId | None = given("Who is in them and must look like themselves.", default=None)
    new_character: CreateCharacterInput | None = given(
        "Make this character on the spot, and have them in the pictures; its `idempotencyKey` is not heeded.",
        default=None,
    )
    scene_only: bool | None = given("A scene without anybody.", default=None)
    models: list[ModelKey] | None = given(
        "The keys of up to 8 models: `count` pictures of each, side by side, from the same seeds. The preset's, "
        "else the best local one that is available when absent.",
        most=NAME,
        default=None,
    )
    fallback_models: list[ModelKey] | None = given(
        "Hosted models to ask in this order when a hosted one fails.", most=NAME, default=None
    )
    preset_key: str | None = given("The preset to begin with.", most=PRESET_KEY, default=None)
    count: int | None = given(
        "How many pictures of each model, 1 to 8; at most 16 in all. The preset's when absent.", default=None
    )
    width: int | None = given("Pixels; the preset's, else the model's own when absent.", default=None)
    height: int | None = given("Pixels; the preset's, else the model's own when absent.", default=None)
    seed: BigInt | None = given(
        "0 to 2^53-1. When absent: the character's reference seed, else a random one. Picture i (from 0) has the "
        "seed plus i; those of models that take no seed have none.",
        default=None,
    )
    steps: int | None = given(
        "Denoise steps, 1 to 1000; the preset's, else the model's own when absent.", default=None
    )
    guidance: float | None = given(
        "How closely the prompt is followed, 0 to 50; the preset's, else the model's own when absent.",
        default=None,
    )
    determinism: Determinism | None = given(
        "How exactly the pictures can be made again; FAST when absent.", default=None
    )
    smart_prompt: bool | None = given(
        "Have the text model rewrite the prompt first; without one a template does. The preset's when absent.",
        default=None,
    )
    reference_upload_ids: list[UploadId] | None = given(
        "Up to 10 uploaded pictures for the model to go by, besides the subject's.", default=None
    )
    mask_upload_id: UploadId | None = given(
        "Paint only a part of a picture anew: an uploaded picture of any size, white where something shall "
        "change and black where all stays, scaled to the picture. What is changed is the INIT_IMAGE of "
        "`conditioning`, else the first of `referenceUploadIds`. Models with the capability INPAINT.",
        default=None,
    )
    conditioning: list[ConditioningInput] | None = given(
        "How to hold the subject, up to 8 ways that add up; the strongest that the model offers when absent. A "
        "locked look is always held by the strongest one too.",
        default=None,
    )
    job_id: JobId | None = given(
        "Go on from this finished job of yours: same title and project, version numbers go on.", default=None
    )
    post_id: PostId | None = given("Make candidates for this post.", default=None)
    auto_publish: bool | None = given(
        "Publish each picture as soon as it is finished; one that cannot be uploaded stays a DRAFT.",
        default=None,
    )
    auto_approve: AutoApproveInput | None = given(
        "Approve what is good enough; off when absent.", default=None
    )
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenerateBaseImagesInput:
    """Base images for many subjects at once, all or none; each gets a job of its own."""

    subject_ids: list[SubjectId] = given("1 to 20 personas and characters, each once.")
    model: ModelKey | None = given(
        "The `key` of the model; the best local one that is available when absent.", most=NAME, default=None
    )
    count: int = given("How many candidates of each, 1 to 8.", default=1)
    width: int | None = given("Pixels; as for `generateBaseImage` when absent.", default=None)
    height: int | None = given("Pixels; as for `generateBaseImage` when absent.", default=None)
    steps: int | None = given("Denoise steps, 1 to 1000; 50 when absent.", default=None)
    guidance: float | None = given("0 to 50; the model's own when absent.", default=None)
    determinism: Determinism = given("How exactly the pictures can be made again.", default=Determinism.FAST)
    negative_prompt: str | None = given("What to keep out of the pictures.", most=PROMPT, default=None)
    from_scratch: bool = given("Begin anew even where a draft exists.", default=False)
    auto_approve: AutoApproveInput | None = given(
        "Approve what is good enough; off when absent.", default=None
    )
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class SavePresetInput:
    """A way of asking, to be named by its key. A preset of yours with the same key is replaced."""

    key: str = given("Names it in `presetKey`: lower-case letters, digits and hyphens.", most=PRESET_KEY)
    name: str = given("What people call it.", most=NAME)
    model: ModelKey = given("The `key` of the model.", most=NAME)
    width: int | None = given("Pixels; the model's own when absent.", default=None)
    height: int | None = given("Pixels; the model's own when absent.", default=None)
    steps: int | None = given("Denoise steps, 1 to 1000; the model's own when absent.", default=None)
    guidance: float | None = given("0 to 50; the model's own when absent.", default=None)
    quality: str | None = given("One of the model's qualities.", most=PRESET_KEY, default=None)
    negative_prompt: str | None = given("What to keep out.", most=PROMPT, default=None)
    style: str | None = given("Words put after the prompt.", most=LONG, default=None)
    batch_count: int = given("How many pictures, 1 to 8.", default=1)
    smart_prompt: bool = given("Whether the prompt is rewritten first.", default=False)
    use_case: str | None = given("What the pictures are for.", most=NAME, default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeletePresetInput:
    """Which preset of yours to delete; built-in ones stay."""

    key: str = given("Its key.", most=PRESET_KEY)
