"""`python -m app doctor --live`: one cheap call to each configured provider and target, against their peers."""

import contextlib
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from app.__main__ import main
from tests.peers import cloudinary, gemini, openai, pexels, recraft, replicate, s3
from tests.peers.serving import HTML, Served, serving

PEERS: dict[str, Any] = {
    "openai": openai.OpenAIPeer,
    "replicate": lambda: replicate.ReplicatePeer(time.time),
    "recraft": recraft.RecraftPeer,
    "gemini": gemini.GeminiPeer,
    "pexels": pexels.PexelsPeer,
    "s3": lambda: s3.S3Peer(time.time),
    "cloudinary": cloudinary.CloudinaryPeer,
}
KEYS = {
    "OPENAI_API_KEY": openai.KEY,
    "TEXT_API_KEY": openai.KEY,
    "REPLICATE_API_TOKEN": replicate.TOKEN,
    "RECRAFT_API_TOKEN": recraft.TOKEN,
    "GEMINI_API_KEY": gemini.KEY,
    "PEXELS_API_KEY": pexels.KEY,
    "S3_SECRET_ACCESS_KEY": s3.SECRET,
}


@pytest.fixture
def peers() -> Iterator[tuple[dict[str, Any], dict[str, Served]]]:
    made = {name: build() for name, build in PEERS.items()}
    with contextlib.ExitStack() as stack:
        served = {name: stack.enter_context(serving(peer.app)) for name, peer in made.items()}
        for name, peer in made.items():
            peer.base = served[name].url
        yield made, served


@pytest.fixture(autouse=True)
def configured(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
    database_url: str,
    peers: tuple[dict[str, Any], dict[str, Served]],
) -> None:
    url = {name: served.url for name, served in peers[1].items()}
    monkeypatch.chdir(tmp_path)
    account = f"{cloudinary.KEY}:{cloudinary.SECRET}@{cloudinary.CLOUD}"
    for name, value in {
        **KEYS,
        "DATA_DIR": str(tmp_path / "data"),
        "DATABASE_URL": database_url,
        "OPENAI_BASE_URL": f"{url['openai']}/v1",
        "TEXT_BASE_URL": f"{url['openai']}/v1",
        "TEXT_MODEL": "llama4",
        "REPLICATE_BASE_URL": url["replicate"],
        "RECRAFT_BASE_URL": f"{url['recraft']}/v1",
        "GOOGLE_GEMINI_BASE_URL": url["gemini"],
        "PEXELS_BASE_URL": f"{url['pexels']}/v1",
        "S3_BUCKET": s3.BUCKET,
        "S3_ENDPOINT": url["s3"],
        "S3_REGION": s3.REGION,
        "S3_ACCESS_KEY_ID": s3.KEY_ID,
        "S3_ALLOW_HTTP": "true",
        "CLOUDINARY_URL": f"cloudinary://{account}?upload_prefix={url['cloudinary']}",
    }.items():
        monkeypatch.setenv(name, value)


def live(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What is said of each: sign and words by name."""
    assert main(["doctor", "--live"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if ", live: " in line]
    return {line[2:].split(", live: ")[0]: line[0] + line.split(", live: ")[1] for line in lines}


def test_each_provider_and_target_is_asked_once_and_nothing_is_bought(
    capsys: pytest.CaptureFixture[str], peers: tuple[dict[str, Any], dict[str, Served]]
) -> None:
    found = live(capsys)

    takes = "+answered, and takes the key."
    published = "+one pixel was published, found whole and removed."
    assert found == {
        **dict.fromkeys(("OpenAI", "Replicate", "Recraft", "Gemini", "Pexels", "TEXT_BASE_URL"), takes),
        **{f"Publishing to {name}": published for name in ("cloudinary", "s3", "local")},
    }
    made, served = peers
    asked = [served[name].faults for name in ("openai", "replicate", "recraft", "gemini", "pexels")]
    assert {method for faults in asked for method, _ in faults.requests} == {"GET"}
    assert [len(faults.requests) for faults in asked] == [2, 1, 1, 1, 1]
    assert (made["s3"].objects, made["cloudinary"].assets) == ({}, {})


def test_keys_that_are_wrong_are_told_apart_and_never_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, f"{value}-wrong")

    found = live(capsys)

    refused = "!refuses the key (HTTP {})."
    assert {name: found[name] for name in ("OpenAI", "Replicate", "Recraft", "Gemini", "Pexels")} == {
        "OpenAI": refused.format(401),
        "Replicate": refused.format(401),
        "Recraft": refused.format(401),
        "Gemini": refused.format(400),
        "Pexels": refused.format(401),
    }
    assert found["Publishing to s3"].startswith("!does not work: the bucket pictures refused")
    assert "-wrong" not in str(found)


def test_what_answers_but_is_no_provider_is_told(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    peers: tuple[dict[str, Any], dict[str, Served]],
) -> None:
    _, served = peers
    served["recraft"].faults.add("answer", status=200, body=HTML)
    served["gemini"].faults.add("answer", status=503)
    monkeypatch.setenv("PEXELS_BASE_URL", "http://127.0.0.1:9/v1")

    found = live(capsys)

    assert found["Recraft"] == f"!what answers at {served['recraft'].url}/v1/users/me is not Recraft."
    assert found["Gemini"] == "!does not serve (HTTP 503)."
    assert found["Pexels"] == "!http://127.0.0.1:9/v1/search does not answer (ConnectError)."
