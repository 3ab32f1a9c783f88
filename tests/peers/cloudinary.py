"""Cloudinary's peer: signed uploads, destroy, the admin's view and delivery."""

import base64
import hashlib
import re
import time
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CLOUD, KEY, SECRET = "demo", "123456789012345", "cloudinary-secret-0123"
_UNSIGNED = {"file", "api_key", "cloud_name", "resource_type", "signature"}
_UPLOAD = {
    "public_id",
    "folder",
    "overwrite",
    "unique_filename",
    "use_filename",
    "timestamp",
    "signature",
    "api_key",
    "file",
}
_HOUR = 3600
_DERIVED = re.compile(r"c_limit,f_auto,h_\d+,q_auto,w_\d+")


class CloudinaryPeer:
    """One account."""

    def __init__(self) -> None:
        self.base = ""
        self.assets: dict[str, bytes] = {}
        self.uploads = 0
        self.invalidated: list[str] = []
        self.etag_is_md5 = True
        self.app = Starlette(
            routes=[
                Route("/v1_1/demo/image/upload", self._upload, methods=["POST"]),
                Route("/v1_1/demo/image/destroy", self._destroy, methods=["POST"]),
                Route("/v1_1/demo/resources/image/upload/{id:path}", self._resource),
                Route("/demo/image/upload/{rest:path}", self._deliver),
            ]
        )

    async def _form(self, request: Request) -> tuple[dict[str, Any], bytes]:
        data = b""
        async with request.form() as form:
            fields: dict[str, Any] = {}
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    data = await value.read()
                    fields[name] = value.filename
                else:
                    fields[name] = value
        return fields, data

    async def _upload(self, request: Request) -> Response:
        fields, data = await self._form(request)
        if (fault := _unsigned(fields)) is not None:
            return fault
        if set(fields) - _UPLOAD or not data:
            return _error(400, f"Missing required parameter or unknown one in {sorted(fields)}")
        public_id = "/".join(part for part in (fields.get("folder"), fields["public_id"]) if part)
        existing = public_id in self.assets
        if existing and fields.get("overwrite") != "0":
            self.assets[public_id] = data
        self.assets.setdefault(public_id, data)
        self.uploads += 0 if existing else 1
        return JSONResponse({**self._asset(public_id), **({"existing": True} if existing else {})})

    def _asset(self, public_id: str) -> dict[str, Any]:
        data = self.assets[public_id]
        etag = hashlib.md5(data).hexdigest() if self.etag_is_md5 else hashlib.sha1(data).hexdigest()
        url = f"{self.base}/demo/image/upload/v1/{public_id}.png"
        return {
            "asset_id": "a" * 32,
            "public_id": public_id,
            "version": 1,
            "bytes": len(data),
            "etag": etag,
            "format": "png",
            "url": url,
            "secure_url": url,
        }

    async def _destroy(self, request: Request) -> Response:
        fields, _ = await self._form(request)
        if (fault := _unsigned(fields)) is not None:
            return fault
        found = self.assets.pop(fields["public_id"], None)
        if fields.get("invalidate") == "1":
            self.invalidated.append(fields["public_id"])
        return JSONResponse({"result": "ok" if found is not None else "not found"})

    async def _resource(self, request: Request) -> Response:
        wanted = "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != wanted:
            return _error(401, "Invalid credentials")
        public_id = request.path_params["id"]
        if public_id not in self.assets:
            return _error(404, f"Resource not found - {public_id}")
        return JSONResponse(self._asset(public_id))

    async def _deliver(self, request: Request) -> Response:
        rest = request.path_params["rest"]
        first = rest.partition("/")[0]
        if "," in first:  # a derived picture: its parameters come sorted, as the client writes them
            if not _DERIVED.fullmatch(first):
                return Response(status_code=400)
            rest = rest.removeprefix(f"{first}/")
        public_id = rest.removeprefix("v1/").removesuffix(".png")
        data = self.assets.get(public_id)
        return Response(data, media_type="image/png") if data is not None else Response(status_code=404)


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message}}, status)


def _unsigned(fields: dict[str, Any]) -> Response | None:
    signed = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name not in _UNSIGNED)
    given = fields.get("signature", "")
    digest = hashlib.sha1 if len(given) == 40 else hashlib.sha256
    if fields.get("api_key") != KEY or digest((signed + SECRET).encode()).hexdigest() != given:
        return _error(401, f"Invalid Signature {given}. String to sign - '{signed}'.")
    if abs(time.time() - int(fields["timestamp"])) > _HOUR:
        return _error(400, "Stale request - reported time is too old")
    return None
