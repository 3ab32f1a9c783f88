"""Recraft's own API: OpenAI's wire with fields of its own, styles, and image to image.

Synchronous. Pictures are asked for inline, so no link of Recraft's is ever needed; the bill is the `credits` of
the answer (1,000 units = 1 US dollar).
"""

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from generators.events import FailureKind, Phase, Stepped, TextGrown
from generators.generator import Live
from generators.hosted.calls import Made, Order, Reference, Sent, Synchronous
from generators.hosted.clients import PerLoop
from generators.hosted.clock import Clock
from generators.hosted.entry import ratio_of
from generators.hosted.failures import Trouble
from generators.hosted.held import image_made
from generators.hosted.http import Fetcher
from generators.hosted.openai import compatible_client, data_url, openai_trouble
from generators.hosted.picture import NotAPicture, Picture, examine
from generators.hosted.settings import HostedSettings
from generators.hosted.styles import fields
from generators.spec import ImageSpec

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_UNITS = Decimal(1000)
_SEED_LIMIT = 2**31
_REJECTED = ("moderat", "nsfw", "inappropriate", "content policy", "not allowed by")
_CREDIT = ("credit", "balance", "api units")
_MAX_STYLE_FILES = 5


class Recraft(Synchronous):
    """Makes pictures with Recraft."""

    name = "Recraft"

    def __init__(self, settings: HostedSettings, clock: Clock, fetcher: Fetcher) -> None:
        self._settings = settings
        self._clock = clock
        self._fetcher = fetcher
        self._client = PerLoop(self._build, lambda client: client.close(), "openai")

    def _build(self) -> "AsyncOpenAI":
        settings = self._settings
        return compatible_client(
            settings.recraft_base_url, settings.recraft_api_token or "", settings.hosted_call_seconds
        )

    async def send(self, order: Order[ImageSpec], live: Live) -> Sent:
        """POST; the answer holds the picture."""
        live.report(Stepped(phase=Phase.WAITING_FOR_PROVIDER))
        spec = order.spec
        extra: dict[str, Any] = {"random_seed": spec.seed % _SEED_LIMIT, **fields(order.entry.style)}
        if spec.negative_prompt:
            extra["negative_prompt"] = spec.negative_prompt
        common: dict[str, Any] = {
            "model": order.entry.wire,
            "prompt": spec.prompt,
            "n": 1,
            "response_format": "b64_json",
        }
        client = await self._client.get()
        try:
            async with asyncio.timeout(self._settings.hosted_call_seconds):
                answer = await _asked(client, order, common, extra)
        except Exception as error:
            raise self._trouble(error) from error
        if not getattr(answer, "data", None):
            words = "Recraft answered with something that is no picture."
            raise Trouble(FailureKind.PROVIDER_DOWN, words, ambiguous=True)
        return Sent(provider_id=getattr(answer.data[0], "image_id", None), answer=answer)

    async def finish(
        self, order: Order[ImageSpec], sent: Sent, live: Live
    ) -> AsyncGenerator[TextGrown | Made, None]:
        """Take the picture out of the answer, or fetch it at once where Recraft sent a link all the same."""
        credits_ = getattr(sent.answer, "credits", None)
        cost = Decimal(credits_) / _UNITS if isinstance(credits_, int) else order.estimate
        item = sent.answer.data[0]
        try:
            if item.b64_json:
                picture = _inline(item.b64_json)
            else:
                live.report(Stepped(phase=Phase.DOWNLOADING))
                picture = await self._fetcher.picture(str(item.url))
        except Trouble as trouble:
            trouble.made, trouble.billed, trouble.retryable = True, cost, False
            raise
        seed = order.spec.seed % _SEED_LIMIT
        final = image_made(order, picture, self._clock, cost, provider_id=sent.provider_id, seed=seed)
        yield Made(final=final, cost=cost)

    async def make_style(self, style: str, files: Sequence[tuple[bytes, str]]) -> str:
        """Make a style of one to five pictures (bytes and media type) and return its id; costs 40 units."""
        if not 1 <= len(files) <= _MAX_STYLE_FILES:
            raise ValueError(f"a style is made of 1 to {_MAX_STYLE_FILES} pictures, not {len(files)}")
        parts = {f"file{at}": (f"{at}.png", data, kind) for at, (data, kind) in enumerate(files, start=1)}
        client = await self._client.get()
        try:
            async with asyncio.timeout(self._settings.hosted_call_seconds):
                answer: Any = await client.post(
                    "/styles",
                    cast_to=object,
                    body={"style": style},
                    files=parts,
                    options={"headers": {"Content-Type": "multipart/form-data"}},
                )
        except Exception as error:
            raise self._trouble(error) from error
        return str(answer["id"])

    async def close(self) -> None:
        """Close this loop's connections."""
        await self._client.close()

    def _trouble(self, error: Exception) -> Trouble:
        trouble = openai_trouble(self.name, error, self._settings.secrets(), self._clock)
        # Recraft's codes are not published; its words are what tells a refusal from a fault.
        words = trouble.words.lower()
        if trouble.kind is FailureKind.BAD_REQUEST and any(word in words for word in _REJECTED):
            trouble.kind = FailureKind.REJECTED_CONTENT
        elif trouble.kind is FailureKind.BAD_REQUEST and any(word in words for word in _CREDIT):
            trouble.kind = FailureKind.OUT_OF_CREDIT
        return trouble


async def _asked(client: Any, order: Order[ImageSpec], common: dict[str, Any], extra: dict[str, Any]) -> Any:
    """The answer to the one POST."""
    if not order.references:
        return await client.images.generate(size=_size(order), extra_body=extra, **common)
    from openai.types import ImagesResponse

    body = {**common, **extra, **_image(order.references[0])}
    return await client.post("/images/imageToImage", cast_to=ImagesResponse, body=body)


def _size(order: Order[ImageSpec]) -> str:
    """Pixels, or the aspect ratio for models with one size per ratio."""
    spec = order.spec
    return ratio_of(spec.width, spec.height, order.entry.ratios) or f"{spec.width}x{spec.height}"


def _image(reference: Reference) -> dict[str, Any]:
    """`strength` 0 = almost the same picture, 1 = almost another."""
    strength = round(1 - min(1.0, reference.held.weight), 3)
    return {"image_url": data_url(reference.data, reference.media_type), "strength": strength}


def _inline(encoded: str) -> Picture:
    try:
        return examine(base64.b64decode(encoded, validate=True))
    except (NotAPicture, binascii.Error) as error:
        raise Trouble(FailureKind.PROVIDER_DOWN, f"Recraft's picture is damaged: {error}.") from error
