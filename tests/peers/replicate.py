"""Replicate's peer: predictions, deployments, files, models and trainings, as strict as the real one.

Every look at a prediction moves it on by one state. Results die an hour after they were made, on the peer's own
clock, as the real ones do.
"""

import datetime
import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.peers.pictures import picture
from tests.peers.replicate_forms import INPUTS, SDXL, archive, fault, safetensors

TOKEN = "r8_test0123456789abcdef0123456789abcdef"
TRAINER = "26dce37af90b9d997eeb970d92e47de3064d46c300504ae376c75bef6a9022d2"
HOUR = 3600.0

_LISTED = {"black-forest-labs/flux-schnell", "bytedance/seedream-4.5", "leonardoai/phoenix-1.0", SDXL}
_BAR = "flux:  {0}%|{1}| {2}/4 [00:0{2}<00:02]\r"


class ReplicatePeer:
    """State and routes. `base` is its own address, set once it is served."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.base = ""
        self.behave: list[str] = []
        self.predictions: dict[str, dict[str, Any]] = {}
        self.trainings: dict[str, dict[str, Any]] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.files: dict[str, dict[str, Any]] = {}
        self.results: dict[str, tuple[float, bytes]] = {}
        self.canceled: list[str] = []
        self.webhooks: list[dict[str, Any]] = []
        self.weights = archive({"output/flux_train_replicate/lora.safetensors": safetensors()})
        v1 = [
            ("/models/{owner}/{name}/predictions", self._by_model, "POST"),
            ("/predictions", self._by_version, "POST"),
            ("/predictions", self._list_predictions, "GET"),
            ("/deployments/{owner}/{name}/predictions", self._by_deployment, "POST"),
            ("/predictions/{id}", self._look, "GET"),
            ("/predictions/{id}/cancel", self._cancel, "POST"),
            ("/models", self._make_model, "POST"),
            ("/models/{owner}/{name}", self._model, "GET"),
            ("/models/{owner}/{name}/versions/{version}/trainings", self._train, "POST"),
            ("/trainings", self._list_trainings, "GET"),
            ("/trainings/{id}", self._look_training, "GET"),
            ("/trainings/{id}/cancel", self._cancel_training, "POST"),
            ("/files", self._upload, "POST"),
            ("/files", self._list_files, "GET"),
            ("/account", self._account, "GET"),
        ]
        routes = [Route(f"/v1{path}", self._guard(act), methods=[method]) for path, act, method in v1]
        self.app = Starlette(routes=[*routes, Route("/delivery/{name}", self._deliver)])

    def _guard(self, act: Any) -> Any:
        async def endpoint(request: Request) -> Response:
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                words = "You did not pass a valid authentication token"
                return problem(401, "Unauthenticated", words)
            answer: Response = await act(request)
            return answer

        return endpoint

    async def _deliver(self, request: Request) -> Response:
        if "authorization" in request.headers:
            return Response(status_code=400)  # the token must never travel to where results lie
        made, data = self.results.get(request.path_params["name"], (0.0, b""))
        if self.now() >= made + HOUR:
            return Response(status_code=404)
        return Response(data, media_type="application/octet-stream")

    async def _by_model(self, request: Request) -> Response:
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        return await self._create(request, name, {"model": name, "version": "hidden"})

    async def _by_version(self, request: Request) -> Response:
        version = (await request.json()).get("version")
        if version not in INPUTS:
            return problem(422, "Invalid version or not permitted", "The specified version does not exist.")
        return await self._create(request, version, {"model": "stability-ai/sdxl", "version": version})

    async def _by_deployment(self, request: Request) -> Response:
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        return await self._create(request, name, {"model": "me/behind", "version": "hidden"})

    async def _create(self, request: Request, name: str, facts: dict[str, Any]) -> Response:
        if name not in INPUTS:
            return JSONResponse({"detail": "The requested resource could not be found.", "status": 404}, 404)
        body = await request.json()
        if set(body) - {"input", "version", "webhook", "webhook_events_filter"}:
            return problem(422, "Invalid request", f"unknown fields {sorted(body)}")
        given = body["input"]
        if (refused := fault(given, INPUTS[name])) is not None:
            field, words = refused
            invalid = [{"type": "invalid", "field": f"input.{field}", "description": words}]
            return problem(
                422, "Input validation failed", f"- input.{field}: {words}\n", invalid_fields=invalid
            )
        if body.get("webhook"):
            self.webhooks.append(body)
        prediction = self._add(given, facts, listed=name in _LISTED)
        return JSONResponse(self._shown(prediction), 201)

    def _add(self, given: dict[str, Any], facts: dict[str, Any], *, listed: bool) -> dict[str, Any]:
        number = f"p{len(self.predictions):04d}"
        prediction = {
            "id": number,
            "input": given,
            "output": None,
            "logs": "",
            "error": None,
            "status": "starting",
            "created_at": self._stamp(),
            "started_at": None,
            "completed_at": None,
            "data_removed": False,
            "source": "api",
            "metrics": {},
            "urls": {
                "get": f"{self.base}/v1/predictions/{number}",
                "cancel": f"{self.base}/v1/predictions/{number}/cancel",
            },
            "_how": self.behave.pop(0) if self.behave else "",
            "_looks": 0,
            "_list": listed,
            **facts,
        }
        if prediction["_how"] == "aborted":
            prediction["status"] = "aborted"
        self.predictions[number] = prediction
        return prediction

    def _stamp(self) -> str:
        when = datetime.datetime.fromtimestamp(self.now(), datetime.UTC)
        return when.isoformat().replace("+00:00", "Z")

    def _shown(self, row: dict[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in row.items() if not name.startswith("_")}
        ended = row.get("_ended")
        if ended is not None and self.now() >= ended + HOUR:
            shown |= {"output": None, "input": {}, "logs": "", "data_removed": True}
        return shown

    async def _look(self, request: Request) -> Response:
        row = self.predictions.get(request.path_params["id"])
        if row is None:
            return JSONResponse({"detail": "The requested resource could not be found.", "status": 404}, 404)
        if row["status"] in ("starting", "processing"):
            row["_looks"] += 1
            self._advance(row)
        return JSONResponse(self._shown(row))

    def _advance(self, row: dict[str, Any]) -> None:
        looks, how = row["_looks"], row["_how"]
        row["status"], row["started_at"] = "processing", row["started_at"] or self._stamp()
        row["logs"] += _BAR.format(25 * looks, "#" * looks, min(looks, 4))
        if how == "never" or looks < 3:
            return
        row["_ended"], row["completed_at"] = self.now(), self._stamp()
        row["metrics"] = {"predict_time": 2.5}
        errors = {
            "nsfw": "NSFW content detected. Try running it again, or try a different prompt.",
            "sensitive": "The input or output was flagged as sensitive. Please try again with different inputs. (E005)",
            "interrupted": "Prediction interrupted; please retry (code: PA)",
            "broken": "list index out of range",
        }
        if how in errors:
            row["status"], row["error"] = "failed", errors[how]
        elif how == "canceled":
            row["status"] = "canceled"
        else:
            self._succeed(row, how)

    def _succeed(self, row: dict[str, Any], how: str) -> None:
        name = f"{row['id']}.png"
        self.results[name] = (self.now(), picture(96, 96) if how != "half" else picture(96, 96)[:60])
        url = f"{self.base}/delivery/{name}"
        row["status"] = "succeeded"
        row["output"] = None if how == "gone" else [url] if row["_list"] else url

    async def _cancel(self, request: Request) -> Response:
        row = self.predictions[request.path_params["id"]]
        self.canceled.append(row["id"])
        row["status"] = "canceled" if row["started_at"] else "aborted"
        return JSONResponse(self._shown(row))

    async def _list_predictions(self, request: Request) -> Response:
        return self._page(request, self.predictions, "predictions")

    async def _list_trainings(self, request: Request) -> Response:
        return self._page(request, self.trainings, "trainings")

    def _page(self, request: Request, rows: dict[str, dict[str, Any]], name: str) -> Response:
        newest = list(reversed(rows.values()))
        start = int(request.query_params.get("cursor", "0"))
        following = f"{self.base}/v1/{name}?cursor={start + 2}" if start + 2 < len(newest) else None
        results = [self._shown(row) for row in newest[start : start + 2]]
        return JSONResponse({"next": following, "previous": None, "results": results})

    async def _account(self, _request: Request) -> Response:
        return JSONResponse({"type": "user", "username": "me", "name": "Me", "github_url": None})

    async def _upload(self, request: Request) -> Response:
        async with request.form() as form:
            content: Any = form.get("content")
            if content is None:
                return problem(422, "Invalid request", "content is missing")
            data = await content.read()
            metadata = json.loads(str(form.get("metadata") or "{}"))
            number = f"f{len(self.files)}"
            row = {
                "id": number,
                "name": content.filename,
                "content_type": content.content_type,
                "size": len(data),
                "etag": "e",
                "checksums": {},
                "metadata": metadata,
                "created_at": self._stamp(),
                "expires_at": None,
                "urls": {"get": f"{self.base}/v1/files/{number}"},
                "_data": data,
            }
        self.files[number] = row
        return JSONResponse(self._shown(row), 201)

    async def _list_files(self, _request: Request) -> Response:
        rows = [self._shown(row) for row in reversed(self.files.values())]
        return JSONResponse({"next": None, "previous": None, "results": rows})

    async def _make_model(self, request: Request) -> Response:
        body = await request.json()
        if set(body) != {"owner", "name", "visibility", "hardware"} or body["owner"] != "me":
            return problem(422, "Invalid request", "owner, name, visibility and hardware are expected")
        name = f"{body['owner']}/{body['name']}"
        if name in self.models:
            return problem(409, "Conflict", "A model with that name and owner already exists.")
        row = {**body, "url": f"https://replicate.com/{name}", "run_count": 0, "latest_version": None}
        self.models[name] = row
        return JSONResponse(row, 201)

    async def _model(self, request: Request) -> Response:
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        if name != "ostris/flux-dev-lora-trainer":
            return JSONResponse({"detail": "The requested resource could not be found.", "status": 404}, 404)
        return JSONResponse({"owner": "ostris", "name": name, "latest_version": {"id": TRAINER}})

    async def _train(self, request: Request) -> Response:
        body = await request.json()
        if body.get("destination") not in self.models:
            return problem(404, "Not found", "The destination model does not exist.")
        given = body["input"]
        uploaded = [file for file in self.files.values() if file["urls"]["get"] == given.get("input_images")]
        if request.path_params["version"] != TRAINER or not uploaded:
            return problem(422, "Input validation failed", "- input.input_images: it cannot be read")
        names = zipfile.ZipFile(BytesIO(uploaded[0]["_data"])).namelist()
        number = f"t{len(self.trainings)}"
        row = {
            "id": number,
            "model": "ostris/flux-dev-lora-trainer",
            "version": TRAINER,
            "input": given,
            "output": None,
            "logs": "",
            "error": None,
            "status": "starting",
            "created_at": self._stamp(),
            "started_at": None,
            "completed_at": None,
            "urls": {},
            "_destination": body["destination"],
            "_names": names,
            "_looks": 0,
            "_how": self.behave.pop(0) if self.behave else "",
        }
        self.trainings[number] = row
        return JSONResponse(self._shown(row), 201)

    async def _look_training(self, request: Request) -> Response:
        row = self.trainings[request.path_params["id"]]
        row["_looks"] += 1
        row["status"], row["started_at"] = "processing", self._stamp()
        row["logs"] += (
            f"flux_train_replicate:  {10 * row['_looks']}%|#| {row['_looks']}/10 [00:01, loss: 2.5e-01]\r"
        )
        if row["_how"] == "never":
            return JSONResponse(self._shown(row))
        if row["_looks"] == 3 and row["_how"] == "failed":
            row["status"], row["error"] = "failed", "CUDA out of memory"
        elif row["_looks"] == 3:
            row["status"] = "succeeded"
            self.results["trained_model.tar"] = (self.now(), self.weights)
            row["output"] = {
                "version": f"{row['_destination']}:abc",
                "weights": f"{self.base}/delivery/trained_model.tar",
            }
        return JSONResponse(self._shown(row))

    async def _cancel_training(self, request: Request) -> Response:
        row = self.trainings[request.path_params["id"]]
        self.canceled.append(row["id"])
        row["status"] = "canceled"
        return JSONResponse(self._shown(row))


def problem(status: int, title: str, detail: str, **extra: Any) -> Response:
    """An error the way Replicate says it (RFC 7807)."""
    return JSONResponse({"title": title, "detail": detail, "status": status, **extra}, status)
