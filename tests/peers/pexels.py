"""Pexels' peer: search and single photographs, with the bare key as Authorization."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.peers.pictures import picture

KEY = "pexels-key-0123456789"


class PexelsPeer:
    """State and routes."""

    def __init__(self) -> None:
        self.base = ""
        self.searches: list[dict[str, str]] = []
        self.app = Starlette(
            routes=[
                Route("/v1/search", self._search),
                Route("/v1/photos/{id:int}", self._photo),
                Route("/photos/{name}", self._deliver),
            ]
        )

    def _row(self, number: int) -> dict[str, Any]:
        source = f"{self.base}/photos/{number}.jpeg"
        return {
            "id": number,
            "width": 4000,
            "height": 3000,
            "url": f"https://www.pexels.com/photo/{number}/",
            "photographer": f"Ann {number}",
            "photographer_url": "https://www.pexels.com/@ann",
            "photographer_id": 5,
            "avg_color": "#978E82",
            "src": {"original": source, "large2x": source, "medium": f"{source}?h=350"},
            "liked": False,
            "alt": "a fox",
        }

    async def _search(self, request: Request) -> Response:
        if request.headers.get("authorization") != KEY:
            return JSONResponse({"status": 401, "code": "Unauthorized"}, 401)
        query = dict(request.query_params)
        self.searches.append(query)
        count = int(query.get("per_page", "15"))
        if not query.get("query") or not 1 <= count <= 80:
            return JSONResponse({"status": 400, "code": "Bad Request"}, 400)
        if query.get("orientation", "square") not in ("landscape", "portrait", "square"):
            return JSONResponse({"status": 400, "code": "Bad Request"}, 400)
        rows = [] if query["query"] == "nothing" else [self._row(at) for at in range(1, min(count, 3) + 1)]
        return JSONResponse({"page": 1, "per_page": count, "total_results": len(rows), "photos": rows})

    async def _photo(self, request: Request) -> Response:
        return JSONResponse(self._row(request.path_params["id"]))

    async def _deliver(self, request: Request) -> Response:
        if "authorization" in request.headers:
            return Response(status_code=400)
        return Response(picture(120, 90, kind="JPEG"))
