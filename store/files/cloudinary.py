"""Publish to Cloudinary, through its own client, which is synchronous: in a thread, with a timeout.

Every call carries its account, since the client's own configuration is one for the whole process. Cloudinary is
imported on first use.
"""

import asyncio
import dataclasses
import hashlib
import re
import urllib.parse
from collections.abc import Callable
from typing import Any

from slugify import slugify

from store.files.containers import MediaType
from store.files.targets import KeyTaken, Published, TargetError, checked_key, content_hash

_GRACE = 5.0  # seconds that the thread is given beyond the client's own timeout
_MAX_BYTES = 100 * 1024 * 1024
_RETRYABLE = frozenset({420, 429, 500, 502, 503, 504})
_OK = 200
_FOLDER = "image_gen"
_DELIVERED = re.compile(rf"https?://[^/]+/[^/]+/image/upload/v\d+/{_FOLDER}/")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CloudinarySettings:
    """Where pictures are published to, when it is Cloudinary.

    Attributes:
        cloudinary_url: `cloudinary://key:secret@cloud`, as Cloudinary's console shows it; may end in
            `?upload_prefix=https://…`. not set = nothing is published there.
        cloudinary_seconds: seconds for one request.
    """

    cloudinary_url: str | None = dataclasses.field(default=None, repr=False)
    cloudinary_seconds: float = 60.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Account:
    """What CLOUDINARY_URL says."""

    cloud: str
    key: str
    secret: str = dataclasses.field(repr=False)
    upload_prefix: str | None = None


def parsed(url: str) -> Account:
    """The account behind `cloudinary://key:secret@cloud[?upload_prefix=…]`.

    Raises:
        ValueError: it is not of that form; the words never repeat it.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "cloudinary" or not (parts.username and parts.password and parts.hostname):
        raise ValueError("CLOUDINARY_URL must be cloudinary://key:secret@cloud")
    query = urllib.parse.parse_qs(parts.query)
    return Account(
        cloud=parts.netloc.rpartition("@")[2],
        key=urllib.parse.unquote(parts.username),
        secret=urllib.parse.unquote(parts.password),
        upload_prefix=query.get("upload_prefix", [None])[0],
    )


def publication_key(user_id: object, model_key: str, job_id: object, number: int) -> str:
    """`image_gen/<userId>/<modelKey>_<jobId>_<n>`: the key under which a variant is published, on every target."""
    model = slugify(model_key, lowercase=False, regex_pattern=r"[^A-Za-z0-9.-]+").strip(".-") or "model"
    return checked_key(f"{_FOLDER}/{user_id}/{model}_{job_id}_{number}")


def thumbnail(url: str, side: int) -> str | None:
    """An address that serves the picture published at `url` in a box of `side` pixels, in the format that suits the browser.

    Cloudinary makes it on demand, without a call. None = the picture is not published there.
    """
    if not _DELIVERED.match(url):
        return None
    return url.replace("/image/upload/", f"/image/upload/c_limit,f_auto,h_{side},q_auto,w_{side}/", 1)


class CloudinaryTarget:
    """One account. Implements targets.Target; nothing is ever overwritten."""

    name = "cloudinary"

    def __init__(self, settings: CloudinarySettings) -> None:
        """Raises ValueError without a usable CLOUDINARY_URL; connects to nothing."""
        if not settings.cloudinary_url:
            raise ValueError("CLOUDINARY_URL is not set")
        self._account = parsed(settings.cloudinary_url)
        self._seconds = settings.cloudinary_seconds

    async def upload(self, key: str, data: bytes, media_type: MediaType) -> Published:
        """See targets.Target. The last part of the key is the public id, what stands before it the folder."""
        folder, _, name = checked_key(key).rpartition("/")
        if not 0 < len(data) <= _MAX_BYTES:
            raise ValueError(f"Cloudinary takes 1 to {_MAX_BYTES} bytes, not {len(data)}")
        answer = await self._call(
            "upload",
            data,
            public_id=name,
            folder=folder or None,
            overwrite=False,
            unique_filename=False,
            use_filename=False,
            resource_type="image",
            filename=f"{name}.{media_type.extension}",
        )
        if not await self._holds(answer, data):
            if answer.get("existing"):
                raise KeyTaken(key)
            raise TargetError(f"Cloudinary does not hold {key} as it was sent", retryable=True)
        return Published(
            key=key,
            handle=str(answer["public_id"]),
            url=str(answer["secure_url"]),
            etag=str(answer.get("etag") or ""),
            size=len(data),
            sha256=content_hash(data),
        )

    async def verify(self, published: Published) -> bool:
        """See targets.Target: size and etag as the account lists them."""
        answer = await self._call("resource", published.handle, missing=True, resource_type="image")
        return answer.get("bytes") == published.size and str(answer.get("etag") or "") == published.etag

    async def unpublish(self, published: Published) -> bool:
        """See targets.Target; copies at the edge are invalidated."""
        answer = await self._call("destroy", published.handle, invalidate=True, resource_type="image")
        result = answer.get("result")
        if result not in ("ok", "not found"):
            raise TargetError(f"Cloudinary did not remove {published.handle}: {result}", retryable=True)
        return bool(result == "ok")

    async def _holds(self, answer: dict[str, Any], data: bytes) -> bool:
        if answer.get("bytes") != len(data):
            return False
        if answer.get("etag") == hashlib.md5(data, usedforsecurity=False).hexdigest():
            return True
        # The etag is an MD5 in practice, though nothing promises it: so what is served decides.
        served = await self._threaded(lambda: _fetched(str(answer.get("secure_url")), self._seconds))
        return content_hash(served) == content_hash(data)

    async def _call(self, act: str, subject: Any, *, missing: bool = False, **options: Any) -> dict[str, Any]:
        """One call of the client; `missing` = a 404 is an empty answer."""
        account = self._account
        given = {
            **options,
            "cloud_name": account.cloud,
            "api_key": account.key,
            "api_secret": account.secret,
            "timeout": self._seconds,
        }
        if account.upload_prefix:
            given["upload_prefix"] = account.upload_prefix
        try:
            answer: dict[str, Any] = await self._threaded(lambda: _acts()[act](subject, **given))
        except TargetError:
            raise
        except Exception as error:
            if missing and type(error).__name__ == "NotFound":
                return {}
            raise self._failed(error) from error
        if "error" in answer:
            status = int(answer["error"].get("http_code") or 0)
            words = self._clean(str(answer["error"].get("message")))
            raise TargetError(f"Cloudinary: {words}", retryable=status in _RETRYABLE)
        return answer

    async def _threaded(self, work: Callable[[], Any]) -> Any:
        try:
            async with asyncio.timeout(self._seconds + _GRACE):
                return await asyncio.to_thread(work)
        except TimeoutError as error:
            raise TargetError("Cloudinary did not answer in time", retryable=True) from error

    def _failed(self, error: Exception) -> TargetError:
        kind = type(error).__name__
        final = kind in ("BadRequest", "AuthorizationRequired", "NotAllowed", "NotFound", "ValueError")
        return TargetError(f"Cloudinary: {self._clean(str(error))}", retryable=not final)

    def _clean(self, words: str) -> str:
        # A refused signature is answered with the string that was signed; the secret is never part of it.
        return words.replace(self._account.secret, "[key]").replace(self._account.key, "[key]")[:500]


def _acts() -> dict[str, Callable[..., Any]]:
    import cloudinary.api
    import cloudinary.uploader

    def upload(data: bytes, **options: Any) -> Any:
        return cloudinary.uploader.upload(data, return_error=True, **options)

    def destroy(public_id: str, **options: Any) -> Any:
        return cloudinary.uploader.destroy(public_id, return_error=True, **options)

    return {"upload": upload, "destroy": destroy, "resource": cloudinary.api.resource}


def _fetched(url: str, seconds: float) -> bytes:
    import urllib3

    response = urllib3.request("GET", url, timeout=seconds, retries=False)
    if response.status != _OK:
        raise TargetError(f"what Cloudinary holds cannot be read back ({response.status})", retryable=True)
    return response.data
