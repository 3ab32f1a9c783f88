"""An S3 peer that checks signatures (SigV4, in headers and in presigned addresses), conditions and expiry.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import datetime
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

BUCKET, KEY_ID, SECRET, REGION = "pictures", "AKIATEST", "s3-secret-0123456789", "eu-central-1"


class S3Peer:
    """One bucket."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.objects: dict[str, tuple[bytes, str, dict[str, str]]] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.writes: list[str] = []
        methods = ["GET", "HEAD", "PUT", "POST", "DELETE"]
        routes = [Route("/{bucket}", self._bulk_delete, methods=["POST"])]
        self.app = Starlette(routes=[*routes, Route("/{bucket}/{key:path}", self._any, methods=methods)])

    async def _bulk_delete(self, request: Request) -> Response:
        body = await request.body()
        if (fault := _unsigned(request, body, self.now())) is not None:
            return _error(403, fault)
        keys = re.findall(r"<Key>(.*?)</Key>", body.decode())
        for key in keys:
            self.objects.pop(key, None)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return Response(f"<DeleteResult>{deleted}</DeleteResult>", media_type="application/xml")

    async def _any(self, request: Request) -> Response:
        body = await request.body()
        if (fault := _unsigned(request, body, self.now())) is not None:
            return _error(403, fault)
        if request.path_params["bucket"] != BUCKET:
            return _error(404, "NoSuchBucket")
        acts: dict[str, Any] = {"PUT": self._put, "POST": self._post}
        act = acts.get(request.method, self._get)
        answer: Response = act(request, request.path_params["key"], body)
        return answer

    def _get(self, _request: Request, key: str, _body: bytes) -> Response:
        if key not in self.objects:
            return _error(404, "NoSuchKey")
        data, etag, headers = self.objects[key]
        shown = {**headers, "etag": f'"{etag}"', "last-modified": "Fri, 20 Nov 2026 05:00:00 GMT"}
        return Response(data, headers=shown)

    def _put(self, request: Request, key: str, body: bytes) -> Response:
        query = request.query_params
        if "partNumber" in query:
            parts = self.uploads.get(query["uploadId"])
            if parts is None:
                return _error(404, "NoSuchUpload")
            parts[int(query["partNumber"])] = body
            return Response(headers={"etag": f'"{hashlib.md5(body).hexdigest()}"'})
        if request.headers.get("if-none-match") == "*" and key in self.objects:
            return _error(412, "PreconditionFailed")
        self._keep(request, key, body, hashlib.md5(body).hexdigest())
        return Response(headers={"etag": f'"{hashlib.md5(body).hexdigest()}"'})

    def _keep(self, request: Request, key: str, data: bytes, etag: str) -> None:
        kept = ("content-type", "cache-control")
        headers = {name: request.headers[name] for name in kept if name in request.headers}
        self.objects[key] = (data, etag, headers or self.objects.get(key, (b"", "", {}))[2])
        self.writes.append(key)

    def _post(self, request: Request, key: str, _body: bytes) -> Response:
        if "uploads" in request.query_params:
            number = f"upload-{len(self.uploads)}"
            self.uploads[number] = {}
            xml = f"<InitiateMultipartUploadResult><UploadId>{number}</UploadId></InitiateMultipartUploadResult>"
            return Response(xml, media_type="application/xml")
        parts = self.uploads.pop(request.query_params["uploadId"])
        ordered = [parts[number] for number in sorted(parts)]
        if any(len(part) < 5 * 1024 * 1024 for part in ordered[:-1]):
            return _error(400, "EntityTooSmall")
        digest = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in ordered)).hexdigest()
        etag = f"{digest}-{len(ordered)}"
        self._keep(request, key, b"".join(ordered), etag)
        xml = (
            f"<CompleteMultipartUploadResult><ETag>&quot;{etag}&quot;</ETag></CompleteMultipartUploadResult>"
        )
        return Response(xml, media_type="application/xml")


def _error(status: int, code: str) -> Response:
    return Response(f"<Error><Code>{code}</Code></Error>", status, media_type="application/xml")


def _unsigned(request: Request, body: bytes, now: float) -> str | None:
    """Why the request is not signed with our key, None = it is."""
    raw = request.scope["query_string"].decode()
    pairs = parse_qsl(raw, keep_blank_values=True)
    query = dict(pairs)
    presigned = "X-Amz-Signature" in query
    if presigned:
        credential, signed, given = (
            query[f"X-Amz-{n}"] for n in ("Credential", "SignedHeaders", "Signature")
        )
        stamp, payload = query["X-Amz-Date"], "UNSIGNED-PAYLOAD"
        begun = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
        if now > begun.timestamp() + int(query["X-Amz-Expires"]):
            return "AccessDenied"
    else:
        header = request.headers.get("authorization", "")
        if not header.startswith("AWS4-HMAC-SHA256 "):
            return "AccessDenied"
        parts = dict(part.strip().split("=", 1) for part in header[17:].split(","))
        credential, signed, given = parts["Credential"], parts["SignedHeaders"], parts["Signature"]
        stamp, payload = request.headers["x-amz-date"], request.headers["x-amz-content-sha256"]
        if payload not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
            return "XAmzContentSHA256Mismatch"
    canonical = "&".join(
        sorted(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in pairs if k != "X-Amz-Signature")
    )
    headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in signed.split(";"))
    asked = "\n".join(
        [request.method, request.scope["raw_path"].decode(), canonical, headers, signed, payload]
    )
    key_id, day, region, _, _ = credential.split("/")
    scope = f"{day}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(asked.encode()).hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for part in (day, region, "s3", "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    matches = hmac.compare_digest(key.hex(), given) and (key_id, region) == (KEY_ID, REGION)
    return None if matches else "SignatureDoesNotMatch"
