"""What callers send to write, change and publish posts, and to find them."""

import dataclasses
import enum

from resolvers.context import Maybe
from resolvers.dice_inputs import NOTATION
from resolvers.fields import given, retry_key
from resolvers.ids import BeatId, ModelKey, PostId, SubjectId, VariantId
from resolvers.inputs import LONG, NAME, PROMPT, BigInt, Direction
from resolvers.post_image_inputs import PostImageInput
from store.database.tables import ImageSource, PostStatus

TEXT = 100_000
MOST_AT_ONCE = 100


class PostOrderField(enum.Enum):
    """What posts can be ordered by."""

    CREATED_AT = "CREATED_AT"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PostOrder:
    """How to order posts."""

    field: PostOrderField = given("What to order by.", default=PostOrderField.CREATED_AT)
    direction: Direction = given("Which way.", default=Direction.DESC)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PostFilter:
    """Which posts; every condition that is given must hold."""

    status: list[PostStatus] | None = given("At one of these statuses.", default=None)
    persona_id: SubjectId | None = given("Of this persona.", default=None)
    beat_id: BeatId | None = given("In this beat.", default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CreatePostInput:
    """A new post. Its slug is made from the title, numbered where you have it already."""

    content: str = given("The text.", most=TEXT)
    title: str | None = given("The headline.", most=NAME, default=None)
    slug: str | None = given(
        "Names the post in addresses: a-z, 0-9 and hyphens; refused where you have it already.",
        most=NAME,
        default=None,
    )
    excerpt: str | None = given("One or two sentences about it.", most=LONG, default=None)
    image_prompt: str | None = given("What its pictures show.", most=PROMPT, default=None)
    persona_id: SubjectId | None = given("The persona that writes it.", default=None)
    beat_id: BeatId | None = given("The beat of a game that it is written in.", default=None)
    dice: list[str] | None = given(
        'Up to 20 rolls to make for it, such as "1d20+5"; all or none.', most=NOTATION, default=None
    )
    images: list[PostImageInput] | None = given(
        "Up to 50 pictures to show in it, in this order.", default=None
    )
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class UpdatePostInput:
    """Changes to a post: what is absent stays, what is null is cleared. A new title leaves the slug as it is."""

    post_id: PostId = given("The post.")
    content: Maybe[str] = given("The text.", most=TEXT, default=None)
    title: Maybe[str | None] = given("The headline.", most=NAME, default=None)
    slug: Maybe[str] = given("Names the post in addresses: a-z, 0-9 and hyphens.", most=NAME, default=None)
    excerpt: Maybe[str | None] = given("One or two sentences about it.", most=LONG, default=None)
    image_prompt: Maybe[str | None] = given("What its pictures show.", most=PROMPT, default=None)
    persona_id: Maybe[SubjectId | None] = given("The persona that writes it.", default=None)
    beat_id: Maybe[BeatId | None] = given("The beat of a game that it is written in.", default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ApprovePostInput:
    """Which picture to choose for a post; it is published, and so is the post."""

    post_id: PostId = given("The post.")
    variant_id: VariantId = given("One of its `candidates`, DRAFT or APPROVED.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishVariantInput:
    """Which picture to publish without a post."""

    variant_id: VariantId = given("The picture, DRAFT or APPROVED.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttachStockPhotoInput:
    """Which photograph to take for a post."""

    post_id: PostId = given("The post.")
    photo_id: BigInt = given("Its `photoId` from `stockPhotos`.")
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegeneratePostImagesInput:
    """More candidates for a post; what it has stays as it is."""

    post_id: PostId = given("The post.")
    count: int = given("How many, 1 to 8.", default=3)
    prompt: str | None = given(
        "What they show; the post's own image prompt when absent, else its title.", most=PROMPT, default=None
    )
    negative_prompt: str | None = given("What to keep out.", most=PROMPT, default=None)
    model: ModelKey | None = given("The `key` of the model; see `imageSource`.", most=NAME, default=None)
    image_source: ImageSource = given(
        "Where the pictures come from without `model`: the best model of this server (LOCAL), the first hosted one "
        "that is available (CLOUD), or stock photographs (STOCK).",
        default=ImageSource.LOCAL,
    )
    width: int | None = given("Pixels; the model's own when absent.", default=None)
    height: int | None = given("Pixels; the model's own when absent.", default=None)
    steps: int | None = given("Denoise steps, 1 to 1000; the model's own number when absent.", default=None)
    seed: BigInt | None = given(
        "0 to 2^53-1; random when absent. Picture i (from 0) has the seed plus i.", default=None
    )
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class WriteArticleInput:
    """An article to write, and its pictures to make. With `title` and `content` nothing is written, only drawn.

    A post that has the topic or the title already is used again: its text and its featured image stay, nothing is
    spent on text, and the new pictures are candidates.
    """

    topic: str | None = given(
        "What it is about; needed unless `title` and `content` are given.", most=PROMPT, default=None
    )
    title: str | None = given("The headline, when it is known.", most=NAME, default=None)
    content: str | None = given("The text, when it is written already.", most=TEXT, default=None)
    excerpt: str | None = given("One or two sentences about it.", most=LONG, default=None)
    image_prompt: str | None = given(
        "What the pictures show, instead of what the text model thinks of.", most=PROMPT, default=None
    )
    negative_prompt: str | None = given("What to keep out of the pictures.", most=PROMPT, default=None)
    persona_id: SubjectId | None = given(
        "The persona that writes it; its pictures show it, held by its base image as the model can.",
        default=None,
    )
    image_count: int = given("How many pictures to choose from, 0 to 8.", default=3)
    model: ModelKey | None = given(
        "The `key` of the image model; see `imageSource`.", most=NAME, default=None
    )
    image_source: ImageSource = given(
        "Where the pictures come from without `model`: the best model of this server (LOCAL), the first hosted one "
        "that is available (CLOUD), or stock photographs (STOCK).",
        default=ImageSource.LOCAL,
    )
    width: int | None = given("Pixels; the model's own when absent.", default=None)
    height: int | None = given("Pixels; the model's own when absent.", default=None)
    steps: int | None = given("Denoise steps, 1 to 1000; the model's own number when absent.", default=None)
    seed: BigInt | None = given(
        "0 to 2^53-1; random when absent. Picture i (from 0) has the seed plus i.", default=None
    )
    project: str | None = given("The project of the job.", most=NAME, default=None)
    idempotency_key: str | None = retry_key()
