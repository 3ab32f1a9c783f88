"""Everything that can be done."""

import strawberry

import resolvers.base_images
import resolvers.generating
import resolvers.jobs
import resolvers.subjects
from schema.accounts import AccountMutations
from schema.adapters import AdapterMutations
from schema.bulk import BulkMutations
from schema.characters import CharacterMutations
from schema.games import GameMutations
from schema.image_mutations import ImageMutations
from schema.jobs import Job
from schema.mutations import mutation
from schema.play import PlayMutations
from schema.post_mutations import PostMutations
from schema.review import ReviewMutations
from schema.subjects import Persona, Subject
from schema.variants import Variant
from schema.webhooks import WebhookMutations

PERSONA = (Persona, "The persona as it is now.")
SUBJECT = (Subject, "The persona or character as it is now.")
JOB = (Job, "The job.")


@strawberry.type(description="Everything that can be done. A refusal is an answer: look at `userErrors`.")
class Mutation(
    AdapterMutations,
    ImageMutations,
    WebhookMutations,
    AccountMutations,
    CharacterMutations,
    GameMutations,
    PlayMutations,
    ReviewMutations,
    PostMutations,
    BulkMutations,
):
    """One line a field: who does it, what it says, what comes back."""

    create_persona = mutation(resolvers.subjects.create_persona, "Make a persona.", persona=PERSONA)
    update_persona = mutation(
        resolvers.subjects.update_persona,
        "Change a persona; its look only while the appearance is not locked.",
        persona=PERSONA,
    )
    delete_subject = mutation(
        resolvers.subjects.delete_subject,
        "Delete a persona or character with its pictures and jobs. Running jobs are cancelled.",
        subject=(Subject, "The persona or character as it was."),
    )
    upload_base_image = mutation(
        resolvers.base_images.upload_base_image,
        "Take a picture as the newest draft of a base image: PNG, JPEG or WEBP, 10 MB at most. It is decoded and "
        "written anew without metadata; nothing is stored when it is refused.",
        subject=SUBJECT,
        variant=(Variant, "The draft."),
    )
    generate_base_image = mutation(
        resolvers.generating.generate_base_image,
        "Make candidates for a base image. While a draft exists it is refined; `fromScratch` begins anew. Watch "
        "the job with `jobProgress`.",
        job=JOB,
    )
    approve_base_image = mutation(
        resolvers.base_images.approve_base_image,
        "Approve the current draft, or the one that is named. The appearance is locked from then on. `trainAdapter` "
        "begins a training with it.",
        subject=SUBJECT,
        job=(Job | None, "The training; also null when none was asked for."),
    )
    reject_base_image = mutation(
        resolvers.base_images.reject_base_image,
        "Reject the current draft, or the one that is named. The newest draft that is left takes its place.",
        subject=SUBJECT,
    )
    unlock_appearance = mutation(
        resolvers.base_images.unlock_appearance,
        "Make the approved picture a draft again, so that the look can change.",
        subject=SUBJECT,
    )
    cancel_job = mutation(
        resolvers.jobs.cancel_job, "Cancel a job at once; variants that are finished stay.", job=JOB
    )
    retry_job = mutation(
        resolvers.jobs.retry_job, "Make what a finished job still owes, as a new job with `retryOf`.", job=JOB
    )
