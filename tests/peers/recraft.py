"""Recraft's peer: OpenAI's wire with Recraft's own fields, styles and image to image."""

import base64
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.peers.pictures import picture

TOKEN = "recraft-token-0123456789"
_MODELS = {"recraftv4_1", "recraftv4_1_flash", "recraftv4_1_pro", "recraftv4", "recraftv4_pro", "recraftv3"}
_COMMON = {
    "model",
    "prompt",
    "n",
    "response_format",
    "random_seed",
    "negative_prompt",
    "style",
    "substyle",
    "style_id",
}
_STYLES = {"any", "realistic_image", "digital_illustration", "vector_illustration", "icon", "logo_raster"}
STYLE_ID = "0b6f1c4e-6c2d-4f0a-9a53-3f1f6c0f7a11"
_V3_SIZES = {"1024x1024", "2048x1024", "1820x1024", "1365x1024"}
_RATIOS = {"1:1", "16:9", "2048x2048"}
_V4_SIZES = {"1024x1024", "1536x768", "1344x768"}


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"code": code, "message": message}, status)


class RecraftPeer:
    """State and routes."""

    def __init__(self) -> None:
        self.bills: list[dict[str, Any]] = []
        self.styles: list[list[str]] = []
        self.behave: list[str] = []
        self.base = ""
        self.links_live = True
        self.app = Starlette(
            routes=[
                Route("/v1/images/generations", self._generate, methods=["POST"]),
                Route("/v1/images/imageToImage", self._image_to_image, methods=["POST"]),
                Route("/v1/styles", self._style, methods=["POST"]),
                Route("/v1/users/me", self._me),
                Route("/img/{name}", self._deliver),
            ]
        )

    async def _me(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(401, "unauthorized", "bad token")
        return JSONResponse({"id": "u1", "email": "me@example.com", "name": "Me", "credits": 1000})

    async def _deliver(self, _request: Request) -> Response:
        return Response(picture(80, 80)) if self.links_live else Response(status_code=403)

    async def _generate(self, request: Request) -> Response:
        body = await request.json()
        fault = self._fault(request, body, _COMMON | {"size"})
        sizes = {"recraftv3": _V3_SIZES, "recraftv4_pro": _RATIOS}.get(str(body.get("model")), _V4_SIZES)
        if fault is None and body.get("size") not in sizes:
            fault = _error(400, "invalid_request", f"size {body.get('size')} is not supported")
        return fault or self._answer(body)

    async def _image_to_image(self, request: Request) -> Response:
        body = await request.json()
        fault = self._fault(request, body, _COMMON | {"image_url", "strength"})
        if fault is None and not str(body.get("image_url")).startswith("data:image/"):
            fault = _error(400, "invalid_request", "image_url is required")
        if fault is None and not 0 <= body.get("strength", -1) <= 1:
            fault = _error(400, "invalid_request", "strength must be between 0 and 1")
        return fault or self._answer(body)

    def _fault(self, request: Request, body: dict[str, Any], allowed: set[str]) -> Response | None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(401, "unauthorized", "bad token")
        if body.get("model") not in _MODELS or set(body) - allowed:
            return _error(400, "invalid_request", f"unknown model or field in {sorted(body)}")
        if "negative_prompt" in body and body["model"] != "recraftv3":
            return _error(400, "invalid_request", "negative_prompt works with V3 only")
        if (fault := self._style_fault(body)) is not None:
            return _error(400, "invalid_style", fault)
        how = self.behave[0] if self.behave else ""
        refusals = {
            "moderated": _error(400, "prompt_moderation", "The prompt did not pass moderation."),
            "poor": _error(400, "not_enough_credits", "Your API units balance is too low."),
        }
        return refusals.get(how)

    def _style_fault(self, body: dict[str, Any]) -> str | None:
        named = {"style", "substyle", "style_id"} & set(body)
        if not named:
            return None
        if body["model"] != "recraftv3" or ("style_id" in body and len(named) > 1):
            return "a style is for V3, and either named or an id"
        if "style_id" in body:
            return None if body["style_id"] == STYLE_ID and self.styles else "no such style"
        return None if body.get("style") in _STYLES else "unknown style"

    def _answer(self, body: dict[str, Any]) -> Response:
        self.bills.append(body)
        how = self.behave.pop(0) if self.behave else ""
        row: dict[str, Any] = {"image_id": "7d5e8a8e-0000-4000-8000-000000000001", "revised_prompt": None}
        if how == "url" or body.get("response_format") != "b64_json":
            row["url"] = f"{self.base}/img/a.png"
        else:
            data = picture(80, 80, kind="WEBP")
            row["b64_json"] = base64.b64encode(data[: 20 if how == "half" else None]).decode()
        return JSONResponse({"created": 1795000000, "credits": 35, "data": [row]})

    async def _style(self, request: Request) -> Response:
        async with request.form() as form:
            files = [name for name, value in form.multi_items() if isinstance(value, UploadFile)]
            style = form.get("style")
        if not files or files != [f"file{at}" for at in range(1, len(files) + 1)] or not style:
            return _error(400, "invalid_request", "style and file1 to file5 are expected")
        self.styles.append(files)
        return JSONResponse({"id": STYLE_ID, "style": style, "credits": 40})
