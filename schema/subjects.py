"""Views of subjects: whose look must stay the same."""

import datetime

import resolvers.adapters
import resolvers.base_images
import resolvers.posts
import resolvers.subjects
import resolvers.variants
from schema import lazily
from schema.connections import connection
from schema.nodes import Node
from schema.people import User
from schema.publish import publishes, related, shown
from store.database import tables


@publishes(tables.Subject, interface=True)
class Subject(Node):
    """Somebody who must keep looking like themselves: a persona or a character."""

    owner = related(resolvers.subjects.owner, User, "Whose it is.")
    name: str = shown("What people call them.")
    appearance: str | None = shown("The look in a phrase; locked on approval.")
    base_appearance_description: str | None = shown(
        "The look in detail, which prompts use; null = `appearance` is used. Locked on approval."
    )
    base_image_status: tables.BaseImageStatus = shown("Where the base image stands.")
    base_image = related(
        resolvers.subjects.base_image_of,
        lazily.Variant | None,
        "The newest draft, or the approved picture; null when there is neither.",
    )
    base_image_history = connection(
        resolvers.base_images.base_image_history,
        lazily.Variant,
        "Every version there ever was, newest first.",
    )
    appearance_locked: bool = shown(
        "Whether the look is fixed: from approval until it is unlocked on purpose."
    )
    adapters = related(
        resolvers.adapters.adapters_of,
        list[lazily.Adapter],
        "What models have learned of the look, newest first.",
    )
    active_adapter = related(
        resolvers.adapters.active_adapter,
        lazily.Adapter | None,
        "The adapter that holds the look wherever a picture is made with its base model.",
    )
    variants = connection(
        resolvers.variants.variants_of_subject,
        lazily.Variant,
        "All pictures of them, newest first.",
        filter_by="Which of them.",
    )
    created_at: datetime.datetime = shown("When they were made.")
    updated_at: datetime.datetime = shown("When they were changed last.")


@publishes(tables.Persona)
class Persona(Subject):
    """A brand face or an AI influencer."""

    personality: str | None = shown("How the persona thinks and speaks.")
    posts = connection(resolvers.posts.posts_of_persona, lazily.Post, "Its posts, newest first.")
