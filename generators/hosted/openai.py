"""OpenAI's images: made and edited by the GPT Image models, streamed, so that partial pictures can be shown.

Synchronous: no job id, nothing to list, nothing to stop; a lost answer is a lost picture. The bill is made from
the usage that OpenAI reports. Wire facts: docs/providers.md.
"""

import asyncio
import base64
import binascii
import dataclasses
import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from generators.events import FailureKind, Json, Phase, Previewed, Stepped, TextGrown
from generators.generator import Live
from generators.hosted.calls import Made, Order, Sent, Synchronous
from generators.hosted.clients import PerLoop, is_loopback, tls
from generators.hosted.clock import Clock
from generators.hosted.deadlines import within
from generators.hosted.failures import Trouble, connection_trouble, redact, retry_after, status_trouble
from generators.hosted.held import image_made
from generators.hosted.masks import transparent
from generators.hosted.picture import NotAPicture, examine
from generators.hosted.settings import HostedSettings
from generators.spec import FileRef, ImageSpec

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_PARTIALS = 2
_MODERATION_SECONDS = 30.0
_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
_CODES: Mapping[str, FailureKind] = {
    "moderation_blocked": FailureKind.REJECTED_CONTENT,
    "content_policy_violation": FailureKind.REJECTED_CONTENT,
    "image_content_policy_violation": FailureKind.REJECTED_CONTENT,
    "invalid_prompt": FailureKind.REJECTED_CONTENT,
    "insufficient_quota": FailureKind.OUT_OF_CREDIT,
    "credit_balance_exhausted": FailureKind.OUT_OF_CREDIT,
    "organization_spend_limit_exceeded": FailureKind.OUT_OF_CREDIT,
    "project_spend_limit_exceeded": FailureKind.OUT_OF_CREDIT,
    "organization_usage_limit_exceeded": FailureKind.OUT_OF_CREDIT,
    "billing_hard_limit_reached": FailureKind.OUT_OF_CREDIT,
    "rate_limit_exceeded": FailureKind.RATE_LIMITED,
    "slow_down": FailureKind.RATE_LIMITED,
    "server_error": FailureKind.PROVIDER_DOWN,
    "server_is_overloaded": FailureKind.PROVIDER_DOWN,
    "invalid_api_key": FailureKind.AUTHENTICATION,
    "model_not_found": FailureKind.BAD_REQUEST,
}
_TYPES: Mapping[str, FailureKind] = {
    "insufficient_quota": FailureKind.OUT_OF_CREDIT,
    "image_generation_user_error": FailureKind.REJECTED_CONTENT,
    "server_error": FailureKind.PROVIDER_DOWN,
}


def openai_client(
    base_url: str, key: str, seconds: float, organization: str | None = None, project: str | None = None
) -> "AsyncOpenAI":
    """A client without retries of its own; `seconds` between two bytes. Proxies never stand before loopback."""
    import httpx2
    import openai

    timeout = httpx2.Timeout(seconds, connect=10.0)
    http = httpx2.AsyncClient(
        verify=tls(), timeout=timeout, trust_env=not is_loopback(base_url), follow_redirects=False
    )
    return openai.AsyncOpenAI(
        base_url=base_url,
        api_key=key,
        organization=organization,
        project=project,
        max_retries=0,
        timeout=timeout,
        http_client=http,
    )


def compatible_client(base_url: str, key: str, seconds: float) -> "AsyncOpenAI":
    """The same for somebody else's endpoint, which is told nothing that the environment says for OpenAI."""
    client = openai_client(base_url, key, seconds)
    client.organization = client.project = None
    client._custom_headers = {}  # noqa: SLF001 -- OPENAI_CUSTOM_HEADERS, which no argument switches off
    return client


def openai_trouble(name: str, error: Exception, secrets: Sequence[str], clock: Clock) -> Trouble:
    """What that exception of the client means."""
    import openai

    if isinstance(error, openai.APIStatusError):
        return _status(error, secrets, clock)
    if isinstance(error, openai.APIConnectionError):
        return connection_trouble(name, error)
    if isinstance(error, openai.APIError) and (error.code or error.type):
        body = error.body if isinstance(error.body, dict) else {}
        trouble = _coded(body, redact(error.message, secrets))
        return trouble or Trouble(FailureKind.PROVIDER_DOWN, redact(error.message, secrets))
    return connection_trouble(name, error)


def _status(error: Any, secrets: Sequence[str], clock: Clock) -> Trouble:
    body = error.body if isinstance(error.body, dict) else {}
    words = redact(str(body.get("message") or error.message), secrets)
    wait = retry_after(error.response.headers, clock.now())
    trouble = _coded(body, words) or status_trouble(error.status_code, words, own_words=bool(body))
    trouble.retry_after = wait
    return trouble


def _coded(body: Mapping[str, Any], words: str) -> Trouble | None:
    kind = _CODES.get(str(body.get("code"))) or _TYPES.get(str(body.get("type")))
    return Trouble(kind, words) if kind is not None else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the moderation says of one text with pictures: the categories it flags, worst first."""

    flagged: bool
    categories: tuple[str, ...]


class OpenAIImages(Synchronous):
    """Makes pictures with GPT Image."""

    name = "OpenAI"

    def __init__(self, settings: HostedSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._client = PerLoop(self._build, lambda client: client.close(), "openai")

    def _build(self) -> "AsyncOpenAI":
        settings = self._settings
        return openai_client(
            settings.openai_base_url,
            settings.openai_api_key or "",
            settings.hosted_call_seconds,
            settings.openai_org_id,
            settings.openai_project_id,
        )

    async def send(self, order: Order[ImageSpec], live: Live) -> Sent:
        """POST; returns as soon as the stream has begun."""
        live.report(Stepped(phase=Phase.WAITING_FOR_PROVIDER))
        request = _request(order, previews=live.preview_wanted())
        images = (await self._client.get()).images
        try:
            async with asyncio.timeout(self._settings.hosted_call_seconds):
                stream = await _begun(images, order, request)
        except Trouble:
            raise
        except Exception as error:
            raise openai_trouble(self.name, error, self._settings.secrets(), self._clock) from error
        return Sent(provider_id=stream.response.headers.get("x-request-id"), answer=stream)

    async def finish(
        self, order: Order[ImageSpec], sent: Sent, live: Live
    ) -> AsyncGenerator[TextGrown | Made, None]:
        """Read the stream: partial pictures become previews, the completed one the result."""
        stream: Any = sent.answer
        try:
            async with aclosing(within(stream, self._settings.hosted_call_seconds)) as events:
                async for event in events:
                    if event.type.endswith(".partial_image"):
                        _preview(event, live)
                    elif event.type.endswith(".completed"):
                        yield self._made(order, sent, event)
                        return
        except Trouble:
            raise
        except Exception as error:
            trouble = openai_trouble(self.name, error, self._settings.secrets(), self._clock)
            if _stage(error) == "output":
                trouble.billed = order.estimate  # the picture was made before it was refused
            raise trouble from error
        finally:
            await stream.close()
        words = f"{self.name} ended its answer without a picture."
        raise Trouble(FailureKind.PROVIDER_DOWN, words, ambiguous=True)

    async def close(self) -> None:
        """Close this loop's connections."""
        await self._client.close()

    async def moderate(self, text: str, images: Sequence[tuple[bytes, FileRef]] = ()) -> Verdict:
        """Ask omni-moderation about a text with pictures; free. Raises Trouble."""
        parts: list[Any] = [{"type": "text", "text": text}]
        parts += [{"type": "image_url", "image_url": {"url": data_url(d, r.media_type)}} for d, r in images]
        client = await self._client.get()
        try:
            async with asyncio.timeout(min(_MODERATION_SECONDS, self._settings.hosted_call_seconds)):
                answer = await client.moderations.create(model="omni-moderation-latest", input=parts)
        except Exception as error:
            raise openai_trouble(self.name, error, self._settings.secrets(), self._clock) from error
        result = answer.results[0]
        scores = result.category_scores.model_dump(by_alias=True)
        flagged = [name for name, on in result.categories.model_dump(by_alias=True).items() if on]
        return Verdict(flagged=result.flagged, categories=tuple(sorted(flagged, key=lambda n: -scores[n])))

    def _made(self, order: Order[ImageSpec], sent: Sent, event: Any) -> Made:
        try:
            picture = examine(base64.b64decode(event.b64_json, validate=True))
        except (NotAPicture, binascii.Error, TypeError) as error:
            trouble = Trouble(
                FailureKind.PROVIDER_DOWN, f"OpenAI's picture is damaged: {error}.", retryable=False
            )
            trouble.made, trouble.billed = True, self._cost(order, event.usage)
            raise trouble from error
        cost = self._cost(order, event.usage)
        said: dict[str, Json] = {"quality": event.quality, "outputFormat": event.output_format}
        final = image_made(order, picture, self._clock, cost, provider_id=sent.provider_id, **said)
        return Made(final=final, cost=cost)

    def _cost(self, order: Order[ImageSpec], usage: Any) -> Decimal:
        tokens = order.entry.price.tokens
        if usage is None or tokens is None:
            return order.estimate
        details = usage.input_tokens_details
        return tokens.cost(details.text_tokens, details.image_tokens, usage.output_tokens)


async def _begun(images: Any, order: Order[ImageSpec], request: dict[str, Any]) -> Any:
    """The client's stream."""
    if not order.references:
        return await images.generate(**request)
    files = [_file(at, one.data, one.media_type) for at, one in enumerate(order.references)]
    if order.mask is not None:
        mask = await asyncio.to_thread(transparent, order.mask, order.references[0].data)
        request["mask"] = ("mask.png", mask, "image/png")
    return await images.edit(image=files, **request)


def _request(order: Order[ImageSpec], *, previews: bool) -> dict[str, Any]:
    spec = order.spec
    request: dict[str, Any] = {
        "model": order.entry.wire,
        "prompt": spec.prompt,
        "n": 1,
        "size": f"{spec.width}x{spec.height}",
        "output_format": "png",
        "stream": True,
        "partial_images": _PARTIALS if previews else 0,
    }
    if spec.quality is not None:
        request["quality"] = spec.quality
    if order.references and order.entry.wire == "gpt-image-1.5":
        request["input_fidelity"] = "high"
    if spec.owner_id:
        request["safety_identifier"] = hashlib.sha256(spec.owner_id.encode()).hexdigest()
    return request


def _file(at: int, data: bytes, media_type: str) -> tuple[str, bytes, str]:
    return f"{at}.{_EXTENSIONS.get(media_type, 'png')}", data, media_type


def data_url(data: bytes, media_type: str) -> str:
    """The same bytes as an address."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _preview(event: Any, live: Live) -> None:
    step = int(event.partial_image_index) + 1
    live.report(Stepped(phase=Phase.DENOISING, step=step, steps=_PARTIALS + 1))
    try:
        picture = examine(base64.b64decode(event.b64_json, validate=True))
    except (NotAPicture, binascii.Error):
        return  # a preview is a courtesy; the result decides
    live.report(
        Previewed(
            data=picture.data,
            media_type=picture.media_type,
            width=picture.width,
            height=picture.height,
            step=step,
        )
    )


def _stage(error: Exception) -> str | None:
    body = getattr(error, "body", None)
    details = body.get("moderation_details") if isinstance(body, dict) else None
    return details.get("moderation_stage") if isinstance(details, dict) else None
