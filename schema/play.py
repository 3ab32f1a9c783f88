"""Views of what a post shows besides its text: pictures and dice; and what can be done with them."""

import datetime

import strawberry

import resolvers.dice
import resolvers.post_images
import resolvers.posts
from schema import lazily
from schema.mutations import mutation
from schema.nodes import Node
from schema.posts import Post
from schema.publish import publishes, related, shown
from schema.scalars import JSON
from store.database import tables


@publishes(tables.PostImage)
class PostImage(Node):
    """A picture in a post. What made it is kept here, whatever becomes of the picture's own prompts."""

    post = related(resolvers.post_images.post_of_image, Post, "The post that shows it.")
    variant = related(resolvers.post_images.variant_of, lazily.Variant, "The picture.")
    character = related(
        resolvers.post_images.character_of,
        lazily.Character | None,
        "The character it shows; null for a scene.",
    )
    prompt: str | None = shown("What was asked for.")
    image_url = related(
        resolvers.post_images.image_url,
        str,
        "Where the picture is: signed and expiring until it is published.",
    )
    thumbnail_url = related(
        resolvers.post_images.thumbnail_url,
        str | None,
        "Where a small WEBP of it is; expires.",
        size="How small.",
    )
    generation_params: JSON = shown("What it was made with: model, prompts, seed, size, settings.")
    caption: str | None = shown("What is written under it.")
    position: int = shown("Its place in the post, from 1.")
    created_at: datetime.datetime = shown("When it was attached.")


@publishes(tables.DiceRoll)
class DiceRoll(Node):
    """One roll of dice; never rolled again."""

    post = related(resolvers.posts.post_of, Post | None, "The post that shows it.")
    notation: str = shown("What was rolled.")
    total: int = shown("What came, in all.")
    breakdown: str = shown("Every die, in Markdown: those that did not count are struck out.")
    rolled_at: datetime.datetime = shown("When it was rolled.")


POST = (Post, "The post as it is now.")
POST_IMAGE = (PostImage, "The picture in the post.")


@strawberry.type(description="Pictures and dice in posts.")
class PlayMutations:
    """One line a field; a part of `Mutation`."""

    attach_image = mutation(
        resolvers.post_images.attach_image, "Show a finished picture in a post.", post_image=POST_IMAGE
    )
    detach_image = mutation(
        resolvers.post_images.detach_image,
        "Take a picture out of its post; the picture itself stays.",
        post=POST,
    )
    update_post_image = mutation(
        resolvers.post_images.update_post_image, "Change a picture's caption.", post_image=POST_IMAGE
    )
    reorder_post_images = mutation(
        resolvers.post_images.reorder_post_images, "Give the pictures of a post a new order.", post=POST
    )
    roll_dice = mutation(
        resolvers.dice.roll_dice, "Roll dice; the server rolls, once.", dice_roll=(DiceRoll, "What came.")
    )
