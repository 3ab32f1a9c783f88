"""Gemini's peer: generateContent with pictures; refusals are HTTP 200."""

import base64
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from generators.hosted.picture import examine
from tests.peers.pictures import picture

KEY = "AIzaSyTest-0123456789abcdef"
_MODELS = {"gemini-nano-banana-2.1", "gemini-3-pro-image", "gemini-3.1-flash-lite-image"}
_RATIOS = {"1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"}


def error(status: int, name: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    """An error body."""
    return {"error": {"code": status, "message": message, "status": name, "details": list(details)}}


class GeminiPeer:
    """State and the one route."""

    def __init__(self) -> None:
        self.bills: list[dict[str, Any]] = []
        self.behave: list[str] = []
        path = "/{version}/models/{model}:generateContent"
        routes = [Route(path, self._generate, methods=["POST"]), Route("/{version}/models", self._list)]
        self.app = Starlette(routes=routes)

    async def _list(self, request: Request) -> Response:
        if request.headers.get("x-goog-api-key") != KEY:
            return JSONResponse(error(400, "INVALID_ARGUMENT", "API key not valid."), 400)
        return JSONResponse({"models": [{"name": f"models/{name}"} for name in sorted(_MODELS)]})

    async def _generate(self, request: Request) -> Response:
        if request.headers.get("x-goog-api-key") != KEY:
            info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
            words = "API key not valid. Please pass a valid API key."
            return JSONResponse(error(400, "INVALID_ARGUMENT", words, info), 400)
        model = request.path_params["model"]
        if model not in _MODELS or request.path_params["version"] not in ("v1", "v1beta"):
            return JSONResponse(error(404, "NOT_FOUND", f"models/{model} is not found"), 404)
        body = await request.json()
        if (fault := _fault(body)) is not None:
            return JSONResponse(error(400, "INVALID_ARGUMENT", fault), 400)
        return self._answer(model, body)

    def _answer(self, model: str, body: dict[str, Any]) -> Response:
        how = self.behave.pop(0) if self.behave else ""
        usage = {
            "promptTokenCount": 200,
            "candidatesTokenCount": 1120,
            "thoughtsTokenCount": 80,
            "totalTokenCount": 1400,
        }
        if how.startswith("block:"):
            return JSONResponse({"promptFeedback": {"blockReason": how[6:]}, "modelVersion": model})
        self.bills.append(body)
        answer: dict[str, Any] = {"modelVersion": model, "responseId": "resp-1", "usageMetadata": usage}
        if how.startswith("finish:"):
            answer["candidates"] = [
                {"content": {"role": "model", "parts": []}, "finishReason": how[7:], "index": 0}
            ]
            return JSONResponse(answer)
        data = picture(96, 96)
        image = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(data).decode()}}
        parts: list[dict[str, Any]] = [{"text": "Here it is."}]
        if how == "half":
            image["inlineData"]["data"] = base64.b64encode(data[:50]).decode()
        if how != "chat":
            parts.append({**image, "thoughtSignature": "c2ln"})
        answer["candidates"] = [
            {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
        ]
        return JSONResponse(answer)


def _fault(body: dict[str, Any]) -> str | None:
    config = body.get("generationConfig", {})
    image = config.get("imageConfig", {})
    if set(body) - {"contents", "generationConfig"} or config.get("responseModalities") != ["IMAGE"]:
        return f"unknown fields in {sorted(body)}, or no image was asked for"
    if image.get("aspectRatio") not in _RATIOS or image.get("imageSize") not in ("1K", "2K", "4K"):
        return f"imageConfig {image} is not supported"
    for part in body["contents"][0]["parts"]:
        inline = part.get("inlineData") or part.get("inline_data")
        if inline is not None:
            kind = inline.get("mimeType") or inline.get("mime_type")
            data = (
                inline["data"].replace("-", "+").replace("_", "/")
            )  # both alphabets are taken; the client sends this
            if examine(base64.b64decode(data, validate=True)).media_type != kind:
                return "the picture is not what its type says"
    return None
