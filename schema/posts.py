"""Views of posts."""

import datetime

import resolvers.dice
import resolvers.post_images
import resolvers.posts
import resolvers.subjects
import resolvers.variants
from schema import lazily
from schema.connections import connection
from schema.nodes import Node
from schema.people import User
from schema.publish import publishes, related, shown
from store.database import tables


@publishes(tables.Post)
class Post(Node):
    """A text with pictures: an article with its featured image, or a post in a role-playing game."""

    title: str | None = shown("The headline.")
    slug: str | None = shown("Names the post in addresses; unique among yours.")
    content: str = shown("The text; empty until it is written.")
    excerpt: str | None = shown("One or two sentences about it.")
    image_prompt: str | None = shown("What its pictures show.")
    author = related(resolvers.subjects.owner, User | None, "Who wrote it, or had it written.")
    persona = related(resolvers.posts.persona_of, lazily.Persona | None, "The persona that speaks in it.")
    beat = related(resolvers.posts.beat_of, lazily.Beat | None, "The beat of a game that it is written in.")
    status: tables.PostStatus = shown("Where it stands.")
    featured_image = related(
        resolvers.posts.featured_image_of,
        lazily.Variant | None,
        "The picture that is published with it; null until then.",
    )
    featured_image_url: str | None = shown("Where that picture is published; null until then.")
    candidates = connection(
        resolvers.posts.candidates, lazily.Variant, "The pictures to choose from, newest first."
    )
    images = related(
        resolvers.post_images.images_of, list[lazily.PostImage], "The pictures it shows, in their order."
    )
    dice_rolls = related(
        resolvers.dice.dice_rolls_of, list[lazily.DiceRoll], "The dice rolled for it, in the order they fell."
    )
    created_at: datetime.datetime = shown("When it was begun.")
    updated_at: datetime.datetime = shown("When it was changed last.")
    published_at: datetime.datetime | None = shown("When it was first published.")
