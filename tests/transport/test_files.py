"""Signed addresses of pictures."""

import uuid

import httpx2
import pytest

from store.files import signing
from tests.transport.weblike import FILE, NOW, PIXELS, SECRET

pytestmark = pytest.mark.asyncio
GOOD = signing.sign(SECRET, FILE, "original", NOW)


async def test_picture_comes_with_headers_that_let_nothing_run(site: httpx2.AsyncClient) -> None:
    response = await site.get(GOOD)
    assert (response.status_code, response.content) == (200, PIXELS)
    assert response.headers["content-type"] == "image/png"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert response.headers["content-disposition"] == "inline"
    left = signing.expiry(NOW) - int(NOW)
    assert response.headers["cache-control"] == f"private, max-age={left}, immutable"


async def test_known_etag_gets_304(site: httpx2.AsyncClient) -> None:
    tag = (await site.get(GOOD)).headers["etag"]
    response = await site.get(GOOD, headers={"if-none-match": f'"other", W/{tag}'})
    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", tag)


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("persona_1_local_v3.png", 'attachment; filename="persona_1_local_v3.png"'),
        ("", "attachment"),
        ('a".html', "attachment"),
        ("../x", "attachment"),
        ("a\r\nx-evil: 1", "attachment"),
    ],
)
async def test_download_name_is_taken_when_it_is_plain(
    site: httpx2.AsyncClient, name: str, disposition: str
) -> None:
    response = await site.get(GOOD, params={**dict(httpx2.URL(GOOD).params), "download": name})
    assert response.headers["content-disposition"] == disposition
    assert "x-evil" not in response.headers


@pytest.mark.parametrize(
    "address",
    [
        f"/files/{FILE}/original",
        GOOD[:-1] + ("0" if GOOD[-1] != "0" else "1"),
        GOOD.replace("/original", "/256"),
        GOOD.replace(str(FILE), str(uuid.UUID(int=5))),
        GOOD.replace("e=", "e=9"),
        GOOD.replace("e=", "e=x"),
        signing.sign(SECRET, FILE, "original", NOW - 3 * 3600),
        signing.sign(b"t" * 32, FILE, "original", NOW),
    ],
)
async def test_address_that_is_not_genuine_or_over_is_403(site: httpx2.AsyncClient, address: str) -> None:
    response = await site.get(address)
    assert response.status_code == 403
    assert response.json()["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_genuine_address_of_what_is_gone_is_404(site: httpx2.AsyncClient) -> None:
    response = await site.get(signing.sign(SECRET, FILE, "512", NOW))
    assert response.status_code == 404


async def test_path_tricks_lead_nowhere(site: httpx2.AsyncClient) -> None:
    for path in ("/files/../etc/passwd", f"/files/{FILE}/..%2f..%2fetc%2fpasswd", "/files/x/original"):
        assert (await site.get(path)).status_code in (403, 404)
