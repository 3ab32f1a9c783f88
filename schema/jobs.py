"""Views of work: jobs and where they stand."""

import datetime
import decimal

import resolvers.images
import resolvers.jobs
import resolvers.posts
import resolvers.presets
import resolvers.subjects
import resolvers.variants
from executor import states
from schema import lazily
from schema.connections import connection
from schema.nodes import Node
from schema.people import User
from schema.presets import Preset
from schema.publish import publishes, related, shown
from schema.scalars import BigInt
from schema.variants import Failure, Variant
from store.database import tables


@publishes(states.PreviewState)
class Preview:
    """A small picture of where the denoising is heading; made and sent only while somebody selects it."""

    data_uri: str = shown("The picture itself, as a data address.")
    width: int = shown("Pixels.")
    height: int = shown("Pixels.")


@publishes(states.VariantState)
class VariantProgress:
    """Where one variant of a job stands."""

    variant: Variant = shown("The variant.")
    step: int = shown("Denoise steps done; all of them once it is finished.")
    steps: int = shown("Denoise steps that are really run.")
    fraction: float = shown("0..1.")
    preview: Preview | None = shown("Null before the first one and once the picture is finished.")


@publishes(states.JobState)
class JobProgress:
    """Where a job stands: always the whole state, so that a lost event does no harm."""

    sequence: BigInt = shown("Grows with every change; also the id of the server-sent event.")
    status = related(resolvers.jobs.status_of, tables.JobStatus, "Where the job stands.")
    phase: str = shown(
        "What is being done: QUEUED, LOADING_MODEL, ENCODING, DENOISING, DECODING, SAVING, WAITING_FOR_PROVIDER…"
    )
    fraction: float = shown("0..1 over the whole job.")
    queue_position: int | None = shown("How many are before it, from 1; null once it runs.")
    eta_seconds: float | None = shown("Seconds until it is finished, as far as can be told.")
    variants: list[VariantProgress] = shown("Every variant of the job, by version number.")
    step: int | None = shown("Steps done, of a training; MiB, of a download.")
    steps: int | None = shown("Steps in all, of a training; MiB, of a download.")
    loss: float | None = shown("The mean loss of the newest steps, of a training.")
    samples: list[Variant] = shown("Pictures that a training has made on its way, by version number.")
    message: str | None = shown("What happened, for people.")


@publishes(tables.Job)
class Job(Node):
    """What was asked for. A final job never leaves its state; trying again makes a new one."""

    owner = related(resolvers.subjects.owner, User, "Whose it is.")
    kind: tables.JobKind = shown("What is made.")
    title: str = shown("What people call it.")
    project: str | None = shown("The project it belongs to.")
    use_case: str | None = shown("What it is for.")
    status: tables.JobStatus = shown("Where it stands.")
    progress = related(resolvers.jobs.progress_of, JobProgress, "How far it has come.")
    variants = connection(
        resolvers.variants.variants_of_job, lazily.Variant, "Its pictures, by version number."
    )
    post = related(resolvers.posts.post_of, lazily.Post | None, "The post it is for.")
    reused_post: bool = shown("Whether an article's post existed already; its text stayed as it was.")
    subject = related(resolvers.variants.subject_of, lazily.Subject | None, "Whom it is about.")
    retry_of = related(
        resolvers.jobs.retried, lazily.Job | None, "The finished job that this one tries again."
    )
    preset = related(
        resolvers.presets.preset_of, Preset | None, "The preset it began with, while that exists."
    )
    preset_key: str | None = shown("The key of that preset, whatever became of it.")
    continues = related(
        resolvers.images.continued, lazily.Job | None, "The finished job that this one goes on from."
    )
    series = connection(
        resolvers.images.series,
        lazily.Variant,
        "The pictures of all jobs that go on from one another, this one's included, by version number.",
    )
    text: str | None = shown("What was written, so far; watch it grow with `jobText`.")
    failed_count: int = shown("How many of its variants could not be made.")
    cost_usd: decimal.Decimal = shown("What it has cost, in US dollars.")
    failure = related(resolvers.variants.failure_of, Failure | None, "Why nothing was made.")
    created_at: datetime.datetime = shown("When it was asked for.")
    updated_at: datetime.datetime = shown("When it changed last.")
    started_at: datetime.datetime | None = shown("When its first part began.")
    finished_at: datetime.datetime | None = shown("When it became final.")
