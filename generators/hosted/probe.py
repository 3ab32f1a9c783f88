"""One cheap question to each configured provider: does the key work? Asks for nothing that costs money."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterator, Mapping

import httpx2

from generators.hosted.clients import is_loopback, tls
from generators.hosted.settings import HostedSettings

SECONDS = 15.0
REFUSED = frozenset({401, 403})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """A GET that every valid key is allowed."""

    provider: str
    url: str
    headers: Mapping[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of it, in words that never hold the key."""

    provider: str
    works: bool
    words: str


def questions(settings: HostedSettings) -> Iterator[Question]:
    """One for each provider whose key is set."""
    if settings.openai_api_key:
        yield Question(
            provider="OpenAI",
            url=f"{settings.openai_base_url.rstrip('/')}/models",
            headers=_bearer(settings.openai_api_key),
        )
    if settings.replicate_api_token:
        yield Question(
            provider="Replicate",
            url=f"{settings.replicate_base_url.rstrip('/')}/v1/account",
            headers=_bearer(settings.replicate_api_token),
        )
    if settings.recraft_api_token:
        yield Question(
            provider="Recraft",
            url=f"{settings.recraft_base_url.rstrip('/')}/users/me",
            headers=_bearer(settings.recraft_api_token),
        )
    if settings.gemini_api_key:
        yield Question(
            provider="Gemini",
            url=f"{settings.google_gemini_base_url.rstrip('/')}/v1/models",
            headers={"x-goog-api-key": settings.gemini_api_key},
        )
    if settings.pexels_api_key:
        yield Question(
            provider="Pexels",
            url=f"{settings.pexels_base_url.rstrip('/')}/search?query=sunset&per_page=1",
            headers={"authorization": settings.pexels_api_key},
        )
    if settings.text_base_url:
        yield Question(
            provider="TEXT_BASE_URL",
            url=f"{settings.text_base_url.rstrip('/')}/models",
            headers=_bearer(settings.text_api_key) if settings.text_api_key else {},
        )


async def probe(settings: HostedSettings) -> AsyncIterator[Answer]:
    """Ask each, one after the other, by the way its pictures are asked for: through a proxy where there is one."""
    for question in questions(settings):
        proxied = not is_loopback(question.url)
        async with httpx2.AsyncClient(verify=tls(), timeout=SECONDS, trust_env=proxied) as client:
            yield await _ask(client, question)


async def _ask(client: httpx2.AsyncClient, question: Question) -> Answer:
    where = question.url.split("?")[0]
    try:
        async with asyncio.timeout(SECONDS):
            response = await client.get(question.url, headers=dict(question.headers))
    except (httpx2.HTTPError, TimeoutError) as error:
        return _answer(question, f"{where} does not answer ({type(error).__name__}).")
    if response.is_success:
        if _is_json(response):
            return Answer(provider=question.provider, works=True, words="answered, and takes the key.")
        return _answer(question, f"what answers at {where} is not {question.provider}.")
    why = "refuses the key" if _refuses_key(response) else "does not serve"
    return _answer(question, f"{why} (HTTP {response.status_code}).")


def _answer(question: Question, words: str) -> Answer:
    return Answer(provider=question.provider, works=False, words=words)


def _refuses_key(response: httpx2.Response) -> bool:
    # Google says it with 400, in words.
    return response.status_code in REFUSED or "api key not valid" in response.text.lower()


def _is_json(response: httpx2.Response) -> bool:
    try:
        return isinstance(response.json(), dict)
    except ValueError:
        return False


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}
