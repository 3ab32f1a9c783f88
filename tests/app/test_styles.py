"""`python -m app models style`: a style of one's own at Recraft."""

import pathlib
from collections.abc import Iterator

import pytest

from app.__main__ import main
from tests.peers.pictures import picture
from tests.peers.recraft import STYLE_ID, TOKEN, RecraftPeer
from tests.peers.serving import serving


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Iterator[RecraftPeer]:
    peer = RecraftPeer()
    (tmp_path / "a.png").write_bytes(picture())
    (tmp_path / "page.html").write_bytes(b"<html>")
    monkeypatch.chdir(tmp_path)
    with serving(peer.app) as served:
        monkeypatch.setenv("RECRAFT_API_TOKEN", TOKEN)
        monkeypatch.setenv("RECRAFT_BASE_URL", f"{served.url}/v1")
        yield peer


def test_style_is_made_and_named_by_its_key(peer: RecraftPeer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "style", "digital_illustration", "a.png", "a.png"]) == 0
    assert capsys.readouterr().out == f"recraft-v3:{STYLE_ID}\n"
    assert peer.styles == [["file1", "file2"]]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["watercolour", "a.png"], "A style begins from one of any, realistic_image, "),
        (["any", "page.html"], "page.html cannot be used: it is no PNG, JPEG or WebP"),
        (["any", "gone.png"], "gone.png cannot be used: "),
        (["any", *["a.png"] * 6], "A style is made of 1 to 5 pictures; 6 were given."),
    ],
)
def test_what_makes_no_style_is_refused_before_any_call(
    peer: RecraftPeer, capsys: pytest.CaptureFixture[str], given: list[str], words: str
) -> None:
    assert main(["models", "style", *given]) == 1
    assert words in capsys.readouterr().err
    assert peer.styles == []


def test_style_without_a_token_names_the_variable(
    peer: RecraftPeer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RECRAFT_API_TOKEN")
    assert main(["models", "style", "any", "a.png"]) == 1
    assert capsys.readouterr().err == "recraft-v3 is not available. Check RECRAFT_API_TOKEN configuration\n"
    assert peer.styles == []
