"""Where a picture lies among others: the one protocol of whatever can tell how alike two pictures are."""

from typing import Protocol


class ImageEncoder(Protocol):
    """Maps a picture to a unit vector; alike pictures lie close, as the cosine of their vectors says.

    `key` names the weights: vectors of encoders with different keys are never compared.
    """

    @property
    def key(self) -> str:
        """At most 200 characters; the same for the same weights, on every machine."""
        ...

    async def embed(self, picture: bytes) -> tuple[float, ...] | None:
        """The vector of an encoded picture, of length 1; None when it cannot be told. Never blocks the event loop."""
        ...


class Encoders(Protocol):
    """Which encoder sees the pictures of which model."""

    def encoder_for(self, model: str) -> ImageEncoder | None:
        """The encoder for pictures of the catalog's `model`; None = none is there."""
        ...

    async def close(self) -> None:
        """Free what they hold."""
        ...
