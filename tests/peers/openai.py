"""OpenAI's peer: images, edits, moderations, responses and chat, as strict as the real one.

Recraft's peer builds on its image answer. `behave` orders what the next call does; `bills` holds every call that
was worked on.
"""

import base64
import io
import json
import re
from typing import Any

from PIL import Image
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from generators.hosted.picture import examine
from tests.peers.pictures import picture

KEY = "sk-test-0123456789abcdef"
_MODELS = {
    "gpt-image-1.5",
    "gpt-image-1-mini",
    "chatgpt-image-latest",
    "gpt-image-2",
    "gpt-image-2.5-sunburst",
    "gpt-image-2.5-flare",
    "gpt-image-2.6-sunburst",
    "gpt-image-2.6-flare",
}
_OLD = {"gpt-image-1.5", "gpt-image-1-mini", "chatgpt-image-latest"}
_GENERATE = {
    "model",
    "prompt",
    "n",
    "size",
    "quality",
    "background",
    "output_format",
    "output_compression",
    "moderation",
    "stream",
    "partial_images",
    "safety_identifier",
}
_EDIT = _GENERATE | {"input_fidelity"}
_FIXED = {"1024x1024", "1536x1024", "1024x1536", "auto"}
_TEXT_MODELS = {"gpt-6-luna", "gpt-6-sol"}


class Refused(Exception):  # noqa: N818 - it is an answer
    """An error answer."""

    def __init__(self, status: int, kind: str, code: str | None, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error = {
            "message": message,
            "type": kind,
            "param": extra.pop("param", None),
            "code": code,
            **extra,
        }


def refused(error: Refused) -> Response:
    """The way OpenAI says it."""
    return JSONResponse({"error": error.error}, error.status, headers={"x-request-id": "req_error"})


def _bad(param: str, message: str, code: str = "invalid_value") -> Refused:
    return Refused(400, "invalid_request_error", code, message, param=param)


def _authorise(request: Request) -> None:
    if request.headers.get("authorization") != f"Bearer {KEY}":
        given = request.headers.get("authorization", "")[7:]
        words = f"Incorrect API key provided: {given}."
        raise Refused(401, "invalid_request_error", "invalid_api_key", words)


def _check_files(files: list[tuple[str, bytes, str | None]]) -> tuple[int, bytes | None]:
    images = [file for file in files if file[0] in ("image", "image[]")]
    masks = [file for file in files if file[0] == "mask"]
    if not 1 <= len(images) <= 16 or len(images) + len(masks) != len(files):
        raise _bad("image", "between 1 and 16 images are expected")
    for _, data, kind in files:
        if kind not in ("image/png", "image/jpeg", "image/webp") or examine(data).media_type != kind:
            raise _bad("image", f"Unsupported mimetype ('{kind}')", "unsupported_file_mimetype")
    first = examine(images[0][1])
    for _, data, kind in masks:
        if kind != "image/png" or len(data) >= 4 * 2**20 or Image.open(io.BytesIO(data)).mode != "RGBA":
            raise _bad("mask", "the mask must be a PNG with an alpha channel, smaller than 4 MB")
        if (examine(data).width, examine(data).height) != (first.width, first.height):
            raise _bad("mask", "the mask must have the size of the image")
    return len(images), masks[0][1] if masks else None


class OpenAIPeer:
    """State and routes."""

    def __init__(self) -> None:
        self.bills: list[dict[str, Any]] = []
        self.behave: list[str] = []
        self.seen: list[dict[str, Any]] = []
        self.text = '{"title": "Grüße 🌍"}'
        self.app = Starlette(
            routes=[
                Route("/v1/images/generations", self._guard(self._generate), methods=["POST"]),
                Route("/v1/images/edits", self._guard(self._edit), methods=["POST"]),
                Route("/v1/moderations", self._guard(self._moderate), methods=["POST"]),
                Route("/v1/responses", self._guard(self._respond), methods=["POST"]),
                Route("/v1/chat/completions", self._guard(self._chat), methods=["POST"]),
                Route("/v1/models", self._guard(self._list)),
            ]
        )

    def _guard(self, act: Any) -> Any:
        async def endpoint(request: Request) -> Response:
            try:
                _authorise(request)
                answer: Response = await act(request)
            except Refused as error:
                return refused(error)
            answer.headers["x-request-id"] = f"req_{len(self.bills)}"
            return answer

        return endpoint

    def _next(self) -> str:
        return self.behave.pop(0) if self.behave else ""

    async def _generate(self, request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise _bad("body", "JSON is expected")
        body = await request.json()
        self._check(body, _GENERATE)
        return self._image(body, "image_generation")

    async def _edit(self, request: Request) -> Response:
        async with request.form() as form:
            body: dict[str, Any] = {}
            files: list[tuple[str, bytes, str | None]] = []
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    files.append((name, await value.read(), value.content_type))
                else:
                    body[name] = value
        images, mask = _check_files(files)
        for name in ("n", "partial_images"):
            if name in body:
                body[name] = int(body[name])
        if "stream" in body:
            body["stream"] = {"true": True, "false": False}[body["stream"]]
        self._check(body, _EDIT)
        return self._image({**body, "images": images, "mask": mask}, "image_edit")

    def _check(self, body: dict[str, Any], allowed: set[str]) -> None:
        for name in body:
            if name not in allowed:
                raise _bad(name, f"Unknown parameter: '{name}'.", "unknown_parameter")
        model = body.get("model")
        if model not in _MODELS:
            raise Refused(
                404, "invalid_request_error", "model_not_found", f"The model `{model}` does not exist."
            )
        if not isinstance(body.get("prompt"), str) or not 0 < len(body["prompt"]) <= 32000:
            raise _bad("prompt", "prompt must be a string of at most 32000 characters")
        self._check_numbers(body, model)
        self._check_size(body, model)

    def _check_numbers(self, body: dict[str, Any], model: str) -> None:
        if body.get("n", 1) not in range(1, 11):
            raise _bad("n", "n must be between 1 and 10")
        qualities = {"auto", "low", "medium", "high"} | (
            {"xhigh", "max"} if "2.5" in model or "2.6" in model else set()
        )
        if body.get("quality", "auto") not in qualities:
            raise _bad("quality", f"quality {body['quality']!r} is not supported")
        if body.get("partial_images", 0) not in range(4) or (
            body.get("partial_images") and not body.get("stream")
        ):
            raise _bad("partial_images", "partial_images needs stream and is 0 to 3")
        if "input_fidelity" in body and model != "gpt-image-1.5":
            raise _bad("input_fidelity", "input_fidelity is not supported")

    def _check_size(self, body: dict[str, Any], model: str) -> None:
        size = body.get("size", "auto")
        if size in _FIXED:
            return
        found = re.fullmatch(r"(\d+)x(\d+)", size)
        sides = (int(found[1]), int(found[2])) if found and model not in _OLD else (0, 0)
        fits = all(side and side % 16 == 0 for side in sides) and max(sides) <= 3 * min(sides)
        if not fits or sides[0] * sides[1] > 3840 * 2160:
            raise _bad("size", f"size {size} is not supported")

    def _image(self, body: dict[str, Any], kind: str) -> Response:
        self.seen.append(body)
        how = self._next()
        if how == "blocked":
            words = "Your request was rejected by the safety system. safety_violations=[violence]."
            details = {"moderation_stage": "input", "categories": ["violence"]}
            raise Refused(
                400, "image_generation_user_error", "moderation_blocked", words, moderation_details=details
            )
        self.bills.append(body)
        size = body.get("size", "1024x1024")
        width, height = (64, 64) if size == "auto" else (int(side) // 16 for side in size.split("x"))
        whole = base64.b64encode(picture(width, height)).decode()
        if how == "damaged":
            whole = base64.b64encode(picture(width, height)[:40]).decode()
        usage = {
            "input_tokens": 12 + 100 * body.get("images", 0),
            "input_tokens_details": {"text_tokens": 12, "image_tokens": 100 * body.get("images", 0)},
            "output_tokens": 1000 + 100 * body.get("partial_images", 0),
            "output_tokens_details": {"image_tokens": 1000, "text_tokens": 0},
            "total_tokens": 1012,
        }
        common = {
            "created_at": 1795000000,
            "background": "opaque",
            "output_format": "png",
            "quality": body.get("quality", "auto"),
            "size": size,
        }
        if not body.get("stream"):
            return JSONResponse({"created": 1795000000, "data": [{"b64_json": whole}], "usage": usage})

        async def events() -> Any:
            for at in range(body.get("partial_images", 0)):
                part = {
                    "type": f"{kind}.partial_image",
                    "b64_json": whole,
                    "partial_image_index": at,
                    **common,
                }
                yield sse(part)
            if how == "silent":
                return
            if how == "blocked_output":
                details = {"moderation_stage": "output", "categories": ["sexual"]}
                error = {
                    "type": "image_generation_user_error",
                    "code": "moderation_blocked",
                    "message": "The image was rejected by the safety system.",
                    "param": None,
                    "moderation_details": details,
                }
                yield sse({"type": "error", "error": error})
                return
            yield sse({"type": f"{kind}.completed", "b64_json": whole, "usage": usage, **common})

        return StreamingResponse(events(), media_type="text/event-stream")

    async def _list(self, _request: Request) -> Response:
        rows = [
            {"id": name, "object": "model", "created": 1, "owned_by": "openai"} for name in sorted(_MODELS)
        ]
        return JSONResponse({"object": "list", "data": rows})

    async def _moderate(self, request: Request) -> Response:
        body = await request.json()
        if body.get("model") != "omni-moderation-latest" or not isinstance(body.get("input"), list):
            raise _bad("input", "a list is expected")
        text = " ".join(part.get("text", "") for part in body["input"])
        names = [
            "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent",
            "self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence",
            "violence/graphic",
        ]  # fmt: skip
        flags = {name: name in ("violence", "violence/graphic") and "blood" in text for name in names}
        scores = {name: 0.9 if name == "violence/graphic" else 0.6 for name in names}
        result = {
            "flagged": any(flags.values()),
            "categories": flags,
            "category_scores": scores,
            "category_applied_input_types": {name: ["text"] for name in names},
        }
        return JSONResponse({"id": "modr-1", "model": body["model"], "results": [result]})

    async def _respond(self, request: Request) -> Response:
        body = await request.json()
        self.seen.append(body)
        if body.get("model") not in _TEXT_MODELS:
            raise Refused(404, "invalid_request_error", "model_not_found", "no such model")
        if body.get("store") is not False or not body.get("stream"):
            raise _bad("store", "this peer expects streams that are not stored")
        check_schema(body.get("text", {}).get("format"))
        for part in body["input"][0]["content"]:
            if part["type"] not in ("input_text", "input_image"):
                raise _bad("input", f"unknown part {part['type']}")
        self.bills.append(body)
        return StreamingResponse(self._response_events(body, self._next()), media_type="text/event-stream")

    async def _response_events(self, body: dict[str, Any], how: str) -> Any:
        usage = {
            "input_tokens": 1000,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 2000,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 3000,
        }
        response: dict[str, Any] = {
            "id": "resp_1",
            "object": "response",
            "created_at": 1795000000,
            "model": body["model"],
            "status": "in_progress",
            "output": [],
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": None,
        }
        number = 0

        def event(kind: str, **facts: Any) -> bytes:
            nonlocal number
            number += 1
            return sse({"type": kind, "sequence_number": number, **facts})

        yield event("response.created", response=response)
        where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        if how == "refusal":
            yield event("response.refusal.delta", delta="I cannot ", **where)
            yield event("response.refusal.delta", delta="write that.", **where)
        else:
            text = (
                self.text[: len(self.text) // 2] if how in ("silent", "failed", "incomplete") else self.text
            )
            for at in range(0, len(text), 5):
                yield event("response.output_text.delta", delta=text[at : at + 5], logprobs=[], **where)
        if how == "failed":
            error = {"code": "server_error", "message": "The model broke."}
            yield event("response.failed", response={**response, "status": "failed", "error": error})
        elif how == "incomplete":
            details = {"reason": "max_output_tokens"}
            facts = {**response, "status": "incomplete", "incomplete_details": details, "usage": usage}
            yield event("response.incomplete", response=facts)
        elif how != "silent":
            yield event("response.completed", response={**response, "status": "completed", "usage": usage})

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        self.seen.append(body)
        if body.get("stream_options") != {"include_usage": True}:
            raise _bad("stream_options", "usage is wanted")
        form = body.get("response_format")
        if form is not None:
            check_schema({"type": form.get("type"), **form.get("json_schema", {})})
        self.bills.append(body)
        how = self._next()

        async def events() -> Any:
            base = {"id": "chat_1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
            text = self.text[:8] if how == "silent" else self.text
            for at in range(0, len(text), 4):
                delta = {"index": 0, "delta": {"content": text[at : at + 4]}, "finish_reason": None}
                yield sse({**base, "choices": [delta]}, named=False)
            if how == "silent":
                return
            ended = {"index": 0, "delta": {}, "finish_reason": how or "stop"}
            yield sse({**base, "choices": [ended]}, named=False)
            usage = {"prompt_tokens": 1000, "completion_tokens": 2000, "total_tokens": 3000}
            yield sse({**base, "choices": [], "usage": usage}, named=False)
            yield b"data: [DONE]\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")


def check_schema(form: dict[str, Any] | None) -> None:
    """Refuse a schema that strict mode refuses."""
    if form is None:
        return
    schema = form.get("schema") or {}
    if form.get("type") != "json_schema" or form.get("strict") is not True or not form.get("name"):
        raise _bad("text.format", "a strict json_schema with a name is expected")
    if schema.get("additionalProperties") is not False or set(schema["required"]) != set(
        schema["properties"]
    ):
        raise _bad("text.format.schema", "'additionalProperties' must be false and all properties required")


def sse(data: dict[str, Any], *, named: bool = True) -> bytes:
    """One server-sent event."""
    head = f"event: {data['type']}\n" if named else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()
