"""Texts, streamed: OpenAI's Responses API, or any OpenAI-compatible chat endpoint (Ollama, vLLM, llama.cpp).

With a JSON schema the answer is that JSON, as text. What grew before a failure stays; a text that has begun is
never begun again by itself, since what was shown cannot be taken back.
"""

import abc
import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from generators.events import FailureKind, Phase, Stepped, TextGrown, TextMade
from generators.generator import Live
from generators.hosted.calls import Made, Order, Reference, Sent, Synchronous
from generators.hosted.clients import PerLoop
from generators.hosted.clock import Clock
from generators.hosted.deadlines import within
from generators.hosted.entry import Entry
from generators.hosted.failures import Trouble
from generators.hosted.openai import compatible_client, data_url, openai_client, openai_trouble
from generators.hosted.settings import HostedSettings
from generators.spec import TextSpec

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_REFUSED_CODES = frozenset({"invalid_prompt", "image_content_policy_violation", "content_filter"})


class _Writer(Synchronous, abc.ABC):
    """What both wires share: the client, the price, and what a failure means after text has grown."""

    name: str

    def __init__(self, settings: HostedSettings, clock: Clock, base_url: str, key: str) -> None:
        self._settings = settings
        self._clock = clock
        self._base_url = base_url
        self._key = key
        self._client = PerLoop(self._build, lambda client: client.close(), "openai")

    @abc.abstractmethod
    def _build(self) -> "AsyncOpenAI":
        """The client of this wire."""

    async def send(self, order: Order[TextSpec], live: Live) -> Sent:
        """POST; returns as soon as the stream has begun."""
        live.report(Stepped(phase=Phase.WRITING))
        client = await self._client.get()
        try:
            async with asyncio.timeout(self._settings.hosted_call_seconds):
                stream = await self._begin(client, order)
        except Exception as error:
            raise self._trouble(order, error) from error
        return Sent(provider_id=stream.response.headers.get("x-request-id"), answer=stream)

    async def finish(
        self, order: Order[TextSpec], sent: Sent, live: Live
    ) -> AsyncGenerator[TextGrown | Made, None]:
        """The text as it grows, then the end with its cost."""
        live.report(Stepped(phase=Phase.WRITING))
        grown = False
        try:
            async with aclosing(within(sent.answer, self._settings.hosted_call_seconds)) as parts:
                async for part in self._read(order, parts):
                    grown = grown or isinstance(part, TextGrown)
                    yield part
        except Trouble as trouble:
            trouble.retryable = trouble.retryable and not grown
            raise
        except Exception as error:
            broken = self._trouble(order, error)
            broken.retryable = broken.retryable and not grown
            raise broken from error
        finally:
            await sent.answer.close()

    async def close(self) -> None:
        """Close this loop's connections."""
        await self._client.close()

    @abc.abstractmethod
    async def _begin(self, client: "AsyncOpenAI", order: Order[TextSpec]) -> Any:
        """POST and return the client's stream."""

    @abc.abstractmethod
    def _read(self, order: Order[TextSpec], stream: Any) -> AsyncGenerator[TextGrown | Made, None]:
        """Take the stream apart; raises Trouble for what the stream itself says went wrong."""

    def _trouble(self, order: Order[TextSpec], error: Exception) -> Trouble:
        trouble = openai_trouble(self.name, error, self._settings.secrets(), self._clock)
        if is_free(order.entry):
            trouble.ambiguous = False  # nothing is paid, so nothing can be paid twice
        return trouble

    def _broken_off(self, order: Order[TextSpec]) -> Trouble:
        words = f"{self.name} ended its answer in the middle."
        return Trouble(FailureKind.PROVIDER_DOWN, words, ambiguous=not is_free(order.entry))


class Responses(_Writer):
    """OpenAI's Responses API. Nothing is stored there (`store` false)."""

    name = "OpenAI"

    @override
    def _build(self) -> "AsyncOpenAI":
        settings = self._settings
        seconds, account = settings.hosted_call_seconds, (settings.openai_org_id, settings.openai_project_id)
        return openai_client(self._base_url, self._key, seconds, *account)

    @override
    async def _begin(self, client: "AsyncOpenAI", order: Order[TextSpec]) -> Any:
        spec = order.spec
        content: list[Any] = [{"type": "input_text", "text": spec.prompt}]
        content += [{"type": "input_image", "image_url": _url(one)} for one in order.references]
        request: dict[str, Any] = {}
        if spec.json_schema is not None:
            request["text"] = {"format": {"type": "json_schema", **_schema(spec.json_schema)}}
        return await client.responses.create(
            model=order.entry.wire,
            instructions=spec.instructions,
            input=[{"role": "user", "content": content}],
            max_output_tokens=spec.max_output_tokens,
            store=False,
            stream=True,
            **request,
        )

    @override
    async def _read(self, order: Order[TextSpec], stream: Any) -> AsyncGenerator[TextGrown | Made, None]:
        refusal = ""
        async for event in stream:
            if event.type == "response.output_text.delta":
                yield TextGrown(text=event.delta)
            elif event.type == "response.refusal.delta":
                refusal += event.delta
            elif event.type == "response.completed":
                yield self._ended(order, event.response, refusal)
                return
            elif event.type in ("response.failed", "response.incomplete"):
                raise self._unfinished(order, event.response)
        raise self._broken_off(order)

    def _ended(self, order: Order[TextSpec], response: Any, refusal: str) -> Made:
        cost = _cost(order, response.usage)
        if refusal:
            trouble = Trouble(FailureKind.REJECTED_CONTENT, refusal)
            trouble.billed = cost
            raise trouble
        return Made(final=TextMade(model=order.entry.model.key, cost=cost), cost=cost)

    def _unfinished(self, order: Order[TextSpec], response: Any) -> Trouble:
        error, details = response.error, response.incomplete_details
        code = str(error.code if error else getattr(details, "reason", "incomplete"))
        words = error.message if error else f"The text broke off: {code}."
        if code in _REFUSED_CODES:
            trouble = Trouble(FailureKind.REJECTED_CONTENT, words)
        elif code == "rate_limit_exceeded":
            trouble = Trouble(FailureKind.RATE_LIMITED, words)
        elif error is not None:
            trouble = Trouble(FailureKind.PROVIDER_DOWN, words)
        else:
            trouble = Trouble(FailureKind.BAD_REQUEST, words)
        trouble.billed = _cost(order, response.usage)
        return trouble


class Chat(_Writer):
    """Chat completions of any compatible endpoint."""

    name = "The text endpoint"

    @override
    def _build(self) -> "AsyncOpenAI":
        return compatible_client(self._base_url, self._key, self._settings.hosted_call_seconds)

    @override
    async def _begin(self, client: "AsyncOpenAI", order: Order[TextSpec]) -> Any:
        spec = order.spec
        content: Any = spec.prompt
        if order.references:
            pictures = [{"type": "image_url", "image_url": {"url": _url(one)}} for one in order.references]
            content = [{"type": "text", "text": spec.prompt}, *pictures]
        request: dict[str, Any] = {}
        if spec.json_schema is not None:
            request["response_format"] = {"type": "json_schema", "json_schema": _schema(spec.json_schema)}
        return await client.chat.completions.create(
            model=order.entry.wire,
            messages=[{"role": "system", "content": spec.instructions}, {"role": "user", "content": content}],
            max_tokens=spec.max_output_tokens,
            stream=True,
            stream_options={"include_usage": True},
            **request,
        )

    @override
    async def _read(self, order: Order[TextSpec], stream: Any) -> AsyncGenerator[TextGrown | Made, None]:
        refusal, ended, usage = "", None, None
        async for chunk in stream:
            usage = chunk.usage or usage
            if not chunk.choices:
                continue
            choice = chunk.choices[0]
            refusal += choice.delta.refusal or ""
            ended = choice.finish_reason or ended
            if choice.delta.content:
                yield TextGrown(text=choice.delta.content)
        if ended is None:
            raise self._broken_off(order)
        cost = _cost(order, usage)
        if refusal or ended == "content_filter":
            trouble = Trouble(FailureKind.REJECTED_CONTENT, refusal or "The text was filtered.")
            trouble.billed = cost
            raise trouble
        if ended == "length":
            trouble = Trouble(FailureKind.BAD_REQUEST, "The text broke off: max_output_tokens.")
            trouble.billed = cost
            raise trouble
        yield Made(final=TextMade(model=order.entry.model.key, cost=cost), cost=cost)


def estimate(spec: TextSpec, order_price: Any) -> Decimal:
    """US dollars that one text may cost at most: three characters a token, 1,500 tokens a picture."""
    if order_price is None:
        return Decimal(0)
    given = (len(spec.instructions) + len(spec.prompt)) // 3 + 1500 * len(spec.images)
    cost: Decimal = order_price.cost(given, 0, spec.max_output_tokens)
    return cost


def is_free(entry: Entry) -> bool:
    """Whether that model costs nothing, so that sending it again harms nobody."""
    tokens = entry.price.tokens
    return tokens is None or not (tokens.text_in or tokens.out)


def _cost(order: Order[TextSpec], usage: Any) -> Decimal:
    tokens = order.entry.price.tokens
    if usage is None or tokens is None:
        return order.estimate
    given = getattr(usage, "input_tokens", None)
    if given is None:
        return tokens.cost(usage.prompt_tokens, 0, usage.completion_tokens)
    return tokens.cost(given, 0, usage.output_tokens)


def _schema(text: str) -> dict[str, Any]:
    return {"name": "answer", "strict": True, "schema": json.loads(text)}


def _url(reference: Reference) -> str:
    return data_url(reference.data, reference.media_type)
