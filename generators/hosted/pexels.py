"""Stock photographs from Pexels: searched, kept for a day, fetched with their attribution.

Free, so nothing here is a paid call. Pexels' terms: link back to the photo's page and name the photographer.
"""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import Any

import httpx2

from generators.events import Event, FailureKind, ImageFacts, ImageMade, Json, Phase, Stepped
from generators.generator import Live
from generators.hosted.clients import PerLoop, is_loopback, tls
from generators.hosted.clock import Clock
from generators.hosted.failures import Trouble, connection_trouble, redact, retry_after, status_trouble
from generators.hosted.http import Fetcher
from generators.hosted.settings import HostedSettings
from generators.spec import ImageSpec

NAME = "Pexels"
LICENCE = "https://www.pexels.com/license/"
_KEPT_SECONDS = 24 * 3600.0  # what Pexels recommends
_KEPT_SEARCHES = 500
_OK = 200
_SECONDS = 20.0
_MAX_PAGE = 80


@dataclasses.dataclass(frozen=True, kw_only=True)
class StockPhoto:
    """One photograph. `url` is its page at Pexels, `source` where its bytes lie, sizes in pixels."""

    id: int
    url: str
    source: str
    thumbnail: str
    width: int
    height: int
    photographer: str
    photographer_url: str
    alt: str = ""

    def attribution(self) -> dict[str, Json]:
        """What must be shown beside it."""
        return {
            "photographer": self.photographer,
            "photographerUrl": self.photographer_url,
            "sourceUrl": self.url,
            "licence": LICENCE,
            "text": f"Photo by {self.photographer} on Pexels",
        }


class Pexels:
    """Searches and fetches."""

    name = NAME

    def __init__(self, settings: HostedSettings, clock: Clock, fetcher: Fetcher) -> None:
        self._settings = settings
        self._clock = clock
        self._fetcher = fetcher
        self._client = PerLoop(self._build, lambda client: client.aclose())
        self._kept: dict[tuple[str, int, int, str | None], tuple[float, tuple[StockPhoto, ...]]] = {}

    def _build(self) -> httpx2.AsyncClient:
        base = self._settings.pexels_base_url
        return httpx2.AsyncClient(
            verify=tls(),
            base_url=base,
            headers={"Authorization": self._settings.pexels_api_key or ""},  # the bare key, no Bearer
            timeout=httpx2.Timeout(_SECONDS, connect=5.0),
            trust_env=not is_loopback(base),
        )

    async def search(
        self, query: str, *, first: int = 15, page: int = 1, orientation: str | None = None
    ) -> tuple[StockPhoto, ...]:
        """Photographs for that query; `first` 1..80, `orientation` landscape, portrait or square. Raises Trouble."""
        asked = (query, min(max(first, 1), _MAX_PAGE), page, orientation)
        now = self._clock.now()
        kept = self._kept.get(asked)
        if kept is not None and now - kept[0] < _KEPT_SECONDS:
            return kept[1]
        params: dict[str, Any] = {"query": query, "per_page": asked[1], "page": page}
        if orientation is not None:
            params["orientation"] = orientation
        found = tuple(_photo(row) for row in (await self._get("search", params)).get("photos", []))
        if len(self._kept) >= _KEPT_SEARCHES:
            self._kept.pop(next(iter(self._kept)))
        self._kept[asked] = (now, found)
        return found

    async def photo(self, photo_id: int) -> StockPhoto:
        """One photograph by its number. Raises Trouble."""
        return _photo(await self._get(f"photos/{photo_id}", {}))

    async def fetch(self, photo: StockPhoto, duration_from: float | None = None) -> ImageMade:
        """Its bytes, with the attribution among the parameters. Raises Trouble."""
        begun = self._clock.now() if duration_from is None else duration_from
        picture = await self._fetcher.picture(photo.source)
        facts = ImageFacts(
            model="pexels",
            width=picture.width,
            height=picture.height,
            duration_ms=max(0, round((self._clock.now() - begun) * 1000)),
            parameters={"attribution": photo.attribution()},
            cost=Decimal(0),
            provider_job_id=str(photo.id),
        )
        return ImageMade(data=picture.data, media_type=picture.media_type, facts=facts)

    async def run(self, spec: ImageSpec, live: Live) -> AsyncGenerator[Event, None]:
        """A photograph for the prompt as query; the seed picks among the first page, so that variants differ."""
        live.report(Stepped(phase=Phase.WAITING_FOR_PROVIDER))
        begun = self._clock.now()
        found = await self.search(spec.prompt, orientation=_orientation(spec.width, spec.height))
        if not found:
            raise Trouble(FailureKind.BAD_REQUEST, f"Pexels has no photograph for {spec.prompt!r}.")
        live.report(Stepped(phase=Phase.DOWNLOADING))
        yield await self.fetch(found[spec.seed % len(found)], begun)

    async def close(self) -> None:
        """Close this loop's connections."""
        await self._client.close()

    async def _get(self, path: str, params: dict[str, Any]) -> dict[str, Any]:
        client = await self._client.get()
        try:
            async with asyncio.timeout(min(_SECONDS, self._settings.hosted_call_seconds)):
                response = await client.get(path, params=params)
            body = response.json() if response.status_code == _OK else None
        except (httpx2.HTTPError, TimeoutError, ValueError) as error:
            trouble = connection_trouble(NAME, error)
            trouble.ambiguous = False  # looking costs nothing and changes nothing
            raise trouble from error
        if isinstance(body, dict):
            return body
        words = redact(response.text or f"Pexels answered {response.status_code}.", self._settings.secrets())
        status = response.status_code if response.status_code != _OK else 502
        raise status_trouble(status, words, wait=retry_after(response.headers, self._clock.now()))


def _photo(row: dict[str, Any]) -> StockPhoto:
    try:
        source = row["src"]
        return StockPhoto(
            id=int(row["id"]),
            url=str(row["url"]),
            source=str(source.get("large2x") or source["original"]),
            thumbnail=str(source.get("medium") or source["original"]),
            width=int(row["width"]),
            height=int(row["height"]),
            photographer=str(row["photographer"]),
            photographer_url=str(row["photographer_url"]),
            alt=str(row.get("alt") or ""),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Trouble(FailureKind.PROVIDER_DOWN, f"Pexels described a photograph without {error}.") from error


def _orientation(width: int, height: int) -> str:
    if width == height:
        return "square"
    return "landscape" if width > height else "portrait"
