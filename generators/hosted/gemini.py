"""Google's Gemini image models through generateContent, with reference pictures.

Synchronous. A refusal is HTTP 200: it is looked for in the answer. Costs are made from the usage it reports;
waits come as RetryInfo in the error, not as a header.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from generators.events import FailureKind, Phase, Stepped, TextGrown
from generators.generator import Live
from generators.hosted.calls import Made, Order, Sent, Synchronous
from generators.hosted.clients import PerLoop, is_loopback, tls
from generators.hosted.clock import Clock
from generators.hosted.entry import ratio_of
from generators.hosted.failures import Trouble, connection_trouble, redact, status_trouble
from generators.hosted.held import image_made
from generators.hosted.picture import NotAPicture, Picture, examine
from generators.hosted.settings import HostedSettings
from generators.spec import ImageSpec

if TYPE_CHECKING:
    import httpx2
    from google.genai import Client

_TIERS = ((1_500_000, "1K"), (6_000_000, "2K"))  # pixels asked for, up to which the tier is enough
_STATUS: Mapping[str, FailureKind] = {
    "RESOURCE_EXHAUSTED": FailureKind.RATE_LIMITED,
    "PERMISSION_DENIED": FailureKind.AUTHENTICATION,
    "UNAUTHENTICATED": FailureKind.AUTHENTICATION,
    "UNAVAILABLE": FailureKind.PROVIDER_DOWN,
    "INTERNAL": FailureKind.PROVIDER_DOWN,
    "DEADLINE_EXCEEDED": FailureKind.TIMEOUT,
}
_PASSING = frozenset({"NO_IMAGE", "IMAGE_OTHER", "OTHER", "MAX_TOKENS", "STOP"})


class Gemini(Synchronous):
    """Makes pictures with Google's image models."""

    name = "Gemini"

    def __init__(self, settings: HostedSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        # The client closes no connection pool that it was given, so both are kept.
        self._client = PerLoop(self._build, lambda pair: pair[1].aclose(), "google.genai")

    def _build(self) -> "tuple[Client, httpx2.AsyncClient]":
        import httpx2
        from google import genai
        from google.genai import types

        base = self._settings.google_gemini_base_url
        seconds = self._settings.hosted_call_seconds
        # An httpx2 client of our own keeps aiohttp out, whose errors would be a third family.
        http = httpx2.AsyncClient(
            verify=tls(),
            timeout=httpx2.Timeout(seconds, connect=10.0),
            trust_env=not is_loopback(base),
            follow_redirects=False,
        )
        options = types.HttpOptions(base_url=base, timeout=int(seconds * 1000), httpx_async_client=http)
        return genai.Client(api_key=self._settings.gemini_api_key, http_options=options), http

    async def send(self, order: Order[ImageSpec], live: Live) -> Sent:
        """POST; the answer holds the picture, or the refusal."""
        live.report(Stepped(phase=Phase.WAITING_FOR_PROVIDER))
        client, _ = await self._client.get()
        from google.genai import types

        spec = order.spec
        parts: list[Any] = [spec.prompt]
        parts += [types.Part.from_bytes(data=one.data, mime_type=one.media_type) for one in order.references]
        config = types.GenerateContentConfig(
            response_modalities=["IMAGE"],
            image_config=types.ImageConfig(
                aspect_ratio=ratio_of(spec.width, spec.height, order.entry.ratios),
                image_size=_tier(spec.width * spec.height),
            ),
        )
        try:
            async with asyncio.timeout(self._settings.hosted_call_seconds):
                answer = await client.aio.models.generate_content(
                    model=order.entry.wire, contents=parts, config=config
                )
        except Exception as error:
            raise self._trouble(error) from error
        return Sent(provider_id=answer.response_id, answer=answer)

    async def finish(
        self, order: Order[ImageSpec], sent: Sent, live: Live
    ) -> AsyncGenerator[TextGrown | Made, None]:
        """Take the picture out of the answer; a refusal becomes REJECTED_CONTENT."""
        live.report(Stepped(phase=Phase.DECODING))
        cost = _cost(order, sent.answer.usage_metadata)
        data = next((p.inline_data.data for p in sent.answer.parts or [] if p.inline_data), None)
        if data is None:
            trouble = _refusal(sent.answer)
            trouble.billed = cost if sent.answer.usage_metadata is not None else Decimal(0)
            raise trouble
        picture = _whole(data, cost)
        version = sent.answer.model_version
        final = image_made(order, picture, self._clock, cost, provider_id=sent.provider_id, version=version)
        yield Made(final=final, cost=cost)

    async def close(self) -> None:
        """Close this loop's connections."""
        await self._client.close()

    def _trouble(self, error: Exception) -> Trouble:
        from google.genai import errors

        if not isinstance(error, errors.APIError):
            return connection_trouble(self.name, error)
        words = redact(str(error.message or error), self._settings.secrets())
        details = error.details if isinstance(error.details, dict) else {}
        said = details.get("error")  # the client makes up details for a body that is not Google's
        inner = said if isinstance(said, dict) else {}
        trouble = status_trouble(error.code, words, wait=_retry_info(inner), own_words=bool(inner))
        kind = _STATUS.get(str(error.status))
        if kind is not None and not trouble.ambiguous:
            trouble = Trouble(kind, words, retry_after=trouble.retry_after)
        if "API_KEY_INVALID" in str(inner.get("details")) or "api key not valid" in words.lower():
            trouble = Trouble(FailureKind.AUTHENTICATION, words)
        return trouble


def _tier(pixels: int) -> str:
    return next((tier for most, tier in _TIERS if pixels <= most), "4K")


def _whole(data: bytes, cost: Decimal) -> Picture:
    try:
        return examine(data)
    except NotAPicture as error:
        trouble = Trouble(
            FailureKind.PROVIDER_DOWN, f"Gemini's picture is damaged: {error}.", retryable=False
        )
        trouble.made, trouble.billed = True, cost
        raise trouble from error


def _cost(order: Order[ImageSpec], usage: Any) -> Decimal:
    tokens = order.entry.price.tokens
    if usage is None or tokens is None or usage.candidates_token_count is None:
        return order.estimate
    thoughts = usage.thoughts_token_count or 0
    return tokens.cost(usage.prompt_token_count or 0, 0, usage.candidates_token_count + thoughts)


def _refusal(answer: Any) -> Trouble:
    """What an answer without a picture means; the model's own text is kept."""
    feedback = answer.prompt_feedback
    candidate = answer.candidates[0] if answer.candidates else None
    reason = getattr(feedback, "block_reason", None) or getattr(candidate, "finish_reason", None)
    name = getattr(reason, "name", None) or str(reason or "NO_IMAGE")
    said = " ".join(part.text for part in answer.parts or [] if part.text)
    words = f"Gemini made no picture ({name}). {said}".strip()
    if name in _PASSING:
        return Trouble(FailureKind.PROVIDER_DOWN, words, retryable=True)
    return Trouble(FailureKind.REJECTED_CONTENT, words)


def _retry_info(error: Mapping[str, Any]) -> float | None:
    """Seconds of a google.rpc.RetryInfo ("1.5s") among the error's details."""
    details = error.get("details")
    for detail in details if isinstance(details, list) else []:
        delay = str(detail.get("retryDelay", "")) if isinstance(detail, dict) else ""
        if delay.endswith("s") and delay[:-1].replace(".", "", 1).isdigit():
            return float(delay[:-1])
    return None
