"""Publish into an S3-compatible bucket: AWS, MinIO, R2, Ceph and their like, through obstore.

Knows a bucket and the address it is served under. obstore is imported on first use.
"""

import dataclasses
import datetime
import hashlib
import re
from typing import TYPE_CHECKING, Any

from store.files.containers import MediaType
from store.files.targets import KeyTaken, Published, TargetError, checked_key, content_hash

if TYPE_CHECKING:
    from obstore.store import S3Store

_MULTIPART = 5 * 1024 * 1024  # bytes; the smallest part that S3 takes
_CACHE = "public, max-age=31536000, immutable"  # a key never holds other bytes
_MD5 = re.compile(r"[0-9a-f]{32}")
_FINAL = ("PermissionDeniedError", "UnauthenticatedError", "InvalidPathError", "NotSupportedError")


@dataclasses.dataclass(frozen=True, kw_only=True)
class S3Settings:
    """Where pictures are published to, when it is a bucket.

    Attributes:
        s3_bucket: the bucket; not set = nothing is published there.
        s3_endpoint: address of an S3-compatible service, such as `https://minio.example.com`; not set = AWS.
        s3_region: the bucket's region.
        s3_access_key_id: id of the access key.
        s3_secret_access_key: the access key itself.
        s3_prefix: folder inside the bucket, without slashes around it.
        s3_public_url: address that the bucket is served under, such as a CDN's; not set = the bucket's own address.
        s3_virtual_hosted: the bucket's name is part of the host (AWS), not of the path (most others).
        s3_allow_http: take an endpoint without TLS.
        s3_seconds: seconds for one request to the bucket.
    """

    s3_bucket: str | None = None
    s3_endpoint: str | None = None
    s3_region: str = "us-east-1"
    s3_access_key_id: str | None = None
    s3_secret_access_key: str | None = dataclasses.field(default=None, repr=False)
    s3_prefix: str = ""
    s3_public_url: str | None = None
    s3_virtual_hosted: bool = False
    s3_allow_http: bool = False
    s3_seconds: float = 60.0


class S3Target:
    """A bucket. Implements targets.Target; every upload is checked by size and content."""

    name = "s3"

    def __init__(self, settings: S3Settings) -> None:
        """Raises ValueError without a bucket; connects to nothing."""
        if not settings.s3_bucket:
            raise ValueError("S3_BUCKET is not set")
        self._settings = settings
        self._bucket: S3Store | None = None

    def _store(self) -> "S3Store":
        if self._bucket is None:
            from obstore.store import S3Store

            settings = self._settings
            timeout = datetime.timedelta(seconds=settings.s3_seconds)
            given: dict[str, Any] = {
                "endpoint": settings.s3_endpoint,
                "access_key_id": settings.s3_access_key_id,
                "secret_access_key": settings.s3_secret_access_key,
            }
            self._bucket = S3Store(
                str(settings.s3_bucket),
                prefix=settings.s3_prefix.strip("/") or None,
                region=settings.s3_region,
                virtual_hosted_style_request=settings.s3_virtual_hosted,
                client_options={"allow_http": settings.s3_allow_http, "timeout": timeout},
                retry_config={"max_retries": 2, "retry_timeout": timeout},
                **{name: value for name, value in given.items() if value},
            )
        return self._bucket

    async def upload(self, key: str, data: bytes, media_type: MediaType) -> Published:
        """See targets.Target. More than 5 MiB go up in parts."""
        handle = f"{checked_key(key)}.{media_type.extension}"
        try:
            head = await self._uploaded(handle, data, media_type)
        except TargetError:
            raise
        except Exception as error:
            raise self._failed(handle, error) from error
        return Published(
            key=key,
            handle=handle,
            url=self._address(handle),
            etag=_bare(head),
            size=len(data),
            sha256=content_hash(data),
        )

    async def verify(self, published: Published) -> bool:
        """See targets.Target: size and etag, without reading the object."""
        try:
            head = await self._head(checked_key(published.handle))
        except Exception as error:
            raise self._failed(published.handle, error) from error
        return head is not None and head["size"] == published.size and _bare(head) == published.etag

    async def unpublish(self, published: Published) -> bool:
        """See targets.Target."""
        import obstore

        handle = checked_key(published.handle)
        try:
            if await self._head(handle) is None:
                return False
            await obstore.delete_async(self._store(), handle)
        except Exception as error:
            raise self._failed(handle, error) from error
        return True

    async def presigned(self, published: Published, seconds: float) -> str:
        """An address that a private bucket serves for so many seconds (at most 7 days)."""
        import obstore

        span = datetime.timedelta(seconds=seconds)
        try:
            return await obstore.sign_async(self._store(), "GET", checked_key(published.handle), span)
        except Exception as error:
            raise self._failed(published.handle, error) from error

    async def _uploaded(self, handle: str, data: bytes, media_type: MediaType) -> Any:
        head = await self._head(handle)
        if head is not None:
            if not await self._holds(handle, head, data):
                raise KeyTaken(handle)
            return head
        head = await self._put(handle, data, media_type)
        if not await self._holds(handle, head, data):
            raise TargetError(f"{handle} does not read back as it was written", retryable=True)
        return head

    async def _put(self, handle: str, data: bytes, media_type: MediaType) -> Any:
        import obstore
        from obstore.exceptions import AlreadyExistsError

        # Small objects are created only where there is none; a multipart upload knows no such condition.
        large = len(data) > _MULTIPART
        try:
            await obstore.put_async(
                self._store(),
                handle,
                data,
                attributes={"Content-Type": media_type.value, "Cache-Control": _CACHE},
                mode="overwrite" if large else "create",
                use_multipart=large,
                chunk_size=_MULTIPART,
            )
        except AlreadyExistsError:
            head = await self._head(handle)
            if head is None or not await self._holds(handle, head, data):
                raise KeyTaken(handle) from None
        head = await self._head(handle)
        if head is None:
            raise TargetError(f"{handle} is not in the bucket after it was written", retryable=True)
        return head

    async def _head(self, handle: str) -> Any:
        import obstore

        try:
            return await obstore.head_async(self._store(), handle)
        except FileNotFoundError:
            return None

    async def _holds(self, handle: str, head: Any, data: bytes) -> bool:
        """Whether that object has exactly these bytes; its etag says so where it is an MD5, else it is read."""
        import obstore

        if head["size"] != len(data):
            return False
        etag = _bare(head)
        if _MD5.fullmatch(etag) and etag == hashlib.md5(data, usedforsecurity=False).hexdigest():
            return True
        read = await obstore.get_async(self._store(), handle)
        return content_hash(bytes(await read.bytes_async())) == content_hash(data)

    def _address(self, handle: str) -> str:
        settings = self._settings
        path = "/".join(part for part in (settings.s3_prefix.strip("/"), handle) if part)
        if settings.s3_public_url:
            return f"{settings.s3_public_url.rstrip('/')}/{path}"
        bucket = settings.s3_bucket
        if settings.s3_endpoint is None:
            return f"https://{bucket}.s3.{settings.s3_region}.amazonaws.com/{path}"
        base = settings.s3_endpoint.rstrip("/")
        return f"{base}/{path}" if settings.s3_virtual_hosted else f"{base}/{bucket}/{path}"

    def _failed(self, handle: str, error: Exception) -> TargetError:
        """The error in words without addresses, which may hold signatures."""
        kind = type(error).__name__
        words = f"the bucket {self._settings.s3_bucket} refused {handle} ({kind})"
        if isinstance(error, FileNotFoundError):
            words = f"there is no bucket {self._settings.s3_bucket}"
        return TargetError(words, retryable=kind not in _FINAL and not isinstance(error, FileNotFoundError))


def _bare(head: Any) -> str:
    return str(head.get("e_tag") or "").strip('"')
