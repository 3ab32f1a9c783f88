"""Views of pictures."""

import datetime
import decimal

import resolvers.posts
import resolvers.stock
import resolvers.subjects
import resolvers.variants
from generators.events import FailureKind
from generators.spec import ConditioningKind
from schema import lazily
from schema.models import GeneratorModel
from schema.nodes import Node
from schema.people import User
from schema.publish import publishes, related, shown
from schema.scalars import JSON, BigInt
from schema.stock import Attribution
from store.database import tables


@publishes(resolvers.variants.Failure)
class Failure:
    """Why something was not made."""

    code: FailureKind = shown("The kind of failure, for programs.")
    message: str = shown("What happened, for people; the provider's own words where it gave any.")
    retryable: bool = shown("Whether trying again can help.")


@publishes(resolvers.variants.Held)
class Conditioning:
    """One thing by which the subject was held in a picture."""

    kind: ConditioningKind = shown("By what.")
    weight: float = shown("How strongly, 0..2, 1 = as trained; of INIT_IMAGE how much is kept, 0..1.")
    source = related(
        resolvers.variants.source_of,
        lazily.Variant | None,
        "The picture it came from; null when it came from none.",
    )
    adapter = related(
        resolvers.variants.adapter_of,
        lazily.Adapter | None,
        "The adapter that was worn, of LORA; null when it was deleted since.",
    )


@publishes(resolvers.variants.Provenance)
class Provenance:
    """The machine-readable marking that the file carries; for an upload, what its maker had said."""

    made_by_ai: bool = shown("Whether the picture, or a part of it, was generated.")
    digital_source_type: str | None = shown("The IPTC digital source type, an address; null for an upload.")
    system: str | None = shown("The model that made it.")
    system_version: str | None = shown("That model's version.")
    software: str | None = shown("The software that ran the model.")


@publishes(tables.Variant)
class Variant(Node):
    """One picture, asked for or made; its seed is its own."""

    owner = related(resolvers.subjects.owner, User, "Whose it is.")
    job = related(
        resolvers.variants.job_of, lazily.Job | None, "The job that asked for it; null for an upload."
    )
    subject = related(resolvers.variants.subject_of, lazily.Subject | None, "Whom it shows.")
    post = related(resolvers.posts.post_of, lazily.Post | None, "The post it is a candidate for.")
    purpose: tables.VariantPurpose = shown("What it is for.")
    version_number: int = shown("Counts within the job, or within the subject's base images; from 1.")
    status: tables.VariantStatus = shown("Where it stands.")
    source: tables.ImageSource = shown("Where it comes from.")
    model = related(
        resolvers.variants.model_of,
        GeneratorModel | None,
        "Null for an upload, or a model no longer in the catalog.",
    )
    model_key: str | None = shown("The model's key as it was when the picture was made.")
    model_version: str | None = shown("The model's version as it was then.")
    original_prompt: str | None = shown("What was asked for.")
    enhanced_prompt: str | None = shown("The prompt as it was rewritten; null when it was not.")
    enhanced_by: str | None = shown('Who rewrote it: a text model\'s key, or "template".')
    composed_prompt: str | None = shown("What the generator really received.")
    negative_prompt: str | None = shown("What to keep out; null and an empty text are different things.")
    parameters: JSON = shown("The settings it was made with, and what the generator had to say about them.")
    conditioning = related(
        resolvers.variants.conditioning_of, list[Conditioning], "How the subject was held."
    )
    url = related(
        resolvers.variants.url,
        str | None,
        "Where the picture is: signed, expiring within two hours, until it is published; null until it is made.",
    )
    cdn_url: str | None = shown("Where it is published; null until then.")
    file_name = related(resolvers.variants.file_name, str, "A traceable name for people.")
    download_url = related(
        resolvers.variants.download_url,
        str | None,
        "Where it can be saved from under `fileName`; expires as `url` does.",
    )
    local_path = related(
        resolvers.variants.local_path,
        str | None,
        "Where it lies on the server, for the local owner and operators only.",
    )
    thumbnail_url = related(
        resolvers.variants.thumbnail_url,
        str | None,
        "Where a small WEBP of it is, expiring; at Cloudinary, for good, once it is published there.",
        size="How small.",
    )
    placeholder = related(
        resolvers.variants.placeholder, str | None, "A thumbhash in base64, to be drawn at once."
    )
    preview_mode: bool = shown("Whether only the local preview exists.")
    width: int | None = shown("Pixels; null until it is made.")
    height: int | None = shown("Pixels; null until it is made.")
    seed: BigInt | None = shown("The number its noise was made from; null for an upload.")
    image_hash = related(
        resolvers.variants.image_hash, str | None, "SHA-256 of the bytes; the same bytes are stored once."
    )
    perceptual_hash = related(
        resolvers.variants.perceptual_hash,
        str | None,
        "64 bits as 16 hex digits; 0-6 bits apart = they look the same.",
    )
    likeness: float | None = shown(
        "0..1, how alike it was to the approved base image when it was made, or, while there was none, to the "
        "picture it refines: the cosine of what an image encoder makes of both. Null where it cannot be measured."
    )
    quality: float | None = shown(
        "0..1, the geometric mean of three scores: agreement with the prompt, sharpness, and, where somebody shall be "
        "seen, exactly one subject. Null where it cannot be measured."
    )
    generation_time_ms: int | None = shown("How long it took, in milliseconds.")
    cost_usd: decimal.Decimal | None = shown("What it cost, in US dollars.")
    provider_job_id: str | None = shown("The provider's own name for the call.")
    attribution = related(
        resolvers.stock.attribution_of,
        Attribution | None,
        "Whom to name beside a photograph; null for what no photographer made.",
    )
    provenance = related(
        resolvers.variants.provenance, Provenance, 'The "made by AI" marking that the file carries.'
    )
    is_favorite: bool = shown("Whether the owner likes it.")
    rating: int | None = shown("1..5; null until it is rated.")
    keep: bool = shown("Whether it is exempt from retention.")
    rejection_reason: str | None = shown("Why it was rejected.")
    held_reason: str | None = shown("Why it waits for a reviewer.")
    fallback_from: str | None = shown("The model that was asked first, if another made it.")
    failure = related(resolvers.variants.failure_of, Failure | None, "Why it was not made.")
    created_at: datetime.datetime = shown("When it was asked for.")
    finished_at: datetime.datetime | None = shown("When it was made, failed or was cancelled.")
    approved_at: datetime.datetime | None = shown("When it was approved; null unless it is.")
    published_at: datetime.datetime | None = shown("When it was published.")
