"""Writing: games and their beats, posts with their pictures, and dice."""

import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from store.database.tables.declarative import Created, Instant, Key, Table, choice
from store.database.tables.words import PostStatus


class Game(Table):
    """A role-playing game: its characters, and beats that follow one another."""

    __tablename__ = "games"
    __table_args__ = (Index(None, "owner_id", "created_at", "id"),)

    id: Mapped[Key]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[Created]
    updated_at: Mapped[Created]


class Beat(Table):
    """One moment of a game, in which posts are written; `position` from 1 within the game."""

    __tablename__ = "beats"
    __table_args__ = (
        UniqueConstraint("game_id", "position", deferrable=True, initially="DEFERRED"),
        Index(None, "owner_id", "created_at", "id"),
    )

    id: Mapped[Key]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    game_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("games.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(200))
    position: Mapped[int]
    created_at: Mapped[Created]


class Post(Table):
    """An article, or a post in a beat. A slug is unique among its owner's posts.

    `featured_image_url` is set by publishing and is an address of our target, never a provider's.
    """

    __tablename__ = "posts"
    __table_args__ = (
        UniqueConstraint("owner_id", "slug"),
        UniqueConstraint("owner_id", "topic_slug"),
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "owner_id", "status", "created_at", "id"),
        Index(None, "beat_id", "created_at", "id"),
        Index(None, "persona_id", "created_at", "id"),
    )

    id: Mapped[Key]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str | None] = mapped_column(String(200))
    slug: Mapped[str | None] = mapped_column(String(220))
    topic_slug: Mapped[str | None] = mapped_column(String(220))
    content: Mapped[str] = mapped_column(Text, server_default="")
    excerpt: Mapped[str | None] = mapped_column(Text)
    image_prompt: Mapped[str | None] = mapped_column(Text)
    persona_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("subjects.id", ondelete="SET NULL"))
    beat_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("beats.id", ondelete="CASCADE"))
    status: Mapped[PostStatus] = mapped_column(choice(PostStatus), server_default=PostStatus.DRAFT.value)
    featured_image_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("variants.id", ondelete="SET NULL", use_alter=True), index=True
    )
    featured_image_url: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Created]
    updated_at: Mapped[Created]
    published_at: Mapped[Instant | None]


class PostImage(Table):
    """A picture attached to a post; `position` from 1 within the post. Keeps what made it, whatever becomes of it."""

    __tablename__ = "post_images"
    __table_args__ = (
        UniqueConstraint("post_id", "variant_id"),
        UniqueConstraint("post_id", "position", deferrable=True, initially="DEFERRED"),
    )

    id: Mapped[Key]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    post_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"))
    variant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("variants.id", ondelete="CASCADE"), index=True)
    character_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("subjects.id", ondelete="SET NULL"), index=True
    )
    prompt: Mapped[str | None] = mapped_column(Text)
    generation_params: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    caption: Mapped[str | None] = mapped_column(Text)
    position: Mapped[int]
    created_at: Mapped[Created]


class DiceRoll(Table):
    """One roll; `breakdown` shows every die as the library words it."""

    __tablename__ = "dice_rolls"
    __table_args__ = (Index(None, "post_id", "rolled_at", "id"),)

    id: Mapped[Key]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    post_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"))
    notation: Mapped[str] = mapped_column(String(200))
    total: Mapped[int]
    breakdown: Mapped[str] = mapped_column(Text)
    rolled_at: Mapped[Created]
