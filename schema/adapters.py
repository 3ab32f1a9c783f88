"""Views of adapters, and what can be done about them and about checkpoints."""

import datetime

import strawberry

import resolvers.adapters
import resolvers.checkpoints
import resolvers.subjects
import resolvers.training
from resolvers.identity import Scope
from schema import lazily
from schema.models import GeneratorModel
from schema.mutations import mutation
from schema.nodes import Node
from schema.people import User
from schema.publish import publishes, related, shown
from schema.scalars import JSON
from store.database import tables


@publishes(tables.Adapter)
class Adapter(Node):
    """What a model has learned of one subject's look."""

    owner = related(resolvers.subjects.owner, User, "Whose it is.")
    subject = related(resolvers.adapters.subject_of, lazily.Subject, "Whose look it holds.")
    kind: str = shown("LORA.")
    base_model = related(
        resolvers.adapters.base_model,
        GeneratorModel | None,
        "The model it was trained on; null when that is no longer in the catalog.",
    )
    base_model_key: str = shown("That model's key.")
    picture_model_key = related(
        resolvers.adapters.picture_model,
        str,
        "The key of the model that makes pictures with it: the base model, or the provider's trained version.",
    )
    active = related(resolvers.adapters.active, bool, "Whether it holds the look now.")
    rank: int = shown("How much it could learn; alpha is always equal to it.")
    trigger: str = shown("The word to which it answers. Local models are told it by themselves.")
    training_images: int = shown("How many pictures it was trained on.")
    job = related(resolvers.adapters.job_of, lazily.Job | None, "The job that trained it, while that exists.")
    provider: str = shown("Where it was trained: LOCAL, REPLICATE.")
    provider_version: str | None = shown("What the provider calls the trained version.")
    size: int | None = shown("Bytes.")
    parameters: JSON = shown("How it was trained, and by what its best state was chosen.")
    created_at: datetime.datetime = shown("When its training ended.")


@strawberry.type(description="Training, and what it needs.")
class AdapterMutations:
    """One line a field; a part of `Mutation`."""

    train_adapter = mutation(
        resolvers.training.train_adapter,
        "Train an adapter on pictures of one persona or character: a TRAINING job. Watch its steps, loss and "
        "samples with `jobProgress`; activate the adapter when you like it.",
        job=(lazily.Job, "The job."),
    )
    activate_adapter = mutation(
        resolvers.adapters.activate_adapter,
        "Hold a look by an adapter from now on, wherever a picture is made with its base model; or by none.",
        subject=(lazily.Subject, "The persona or character as it is now."),
    )
    delete_adapter = mutation(
        resolvers.adapters.delete_adapter,
        "Delete an adapter with its weights.",
        adapter=(Adapter, "The adapter as it was."),
    )
    download_checkpoint = mutation(
        resolvers.checkpoints.download_checkpoint,
        "Bring a checkpoint onto this server: a DOWNLOAD job. Watch it with `jobProgress`, in MiB. While it is "
        "under way, asking again answers the same job.",
        scope=Scope.ADMIN,
        job=(lazily.Job, "The job."),
    )
