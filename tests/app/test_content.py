"""The guard as the server builds it: from settings, with OpenAI's moderation spoken for real."""

import io
import pathlib
from collections.abc import Sequence

import pytest
from PIL import Image

from app.content import guard
from app.settings import Settings, SettingsError
from generators.generator import Generator
from generators.hosted.generator import HostedGenerator
from generators.hosted.settings import HostedSettings
from generators.spec import FileRef
from tests.peers.openai import KEY, OpenAIPeer
from tests.peers.serving import Served, serving

RULES = '[[rule]]\nname = "gore"\naction = "refuse"\nwords = ["bloodbath"]\n'


async def no_file(file: FileRef) -> bytes:
    raise FileNotFoundError(file.sha256)


def hosted(settings: Settings) -> Sequence[Generator]:
    return [HostedGenerator(settings.section(HostedSettings), no_file)]


def moderating(peer: Served) -> Settings:
    return Settings({"openai_moderation": True, "openai_api_key": KEY, "openai_base_url": f"{peer.url}/v1"})


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(buffer, "PNG")
    return buffer.getvalue()


def test_without_settings_everything_is_let_through() -> None:
    made = guard(Settings({}), [])
    assert made.refuses("bloodbath") is None
    assert not made.moderates


def test_rules_are_read_from_the_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    made = guard(Settings({"content_rules": tmp_path / "rules.toml"}), [])
    found = made.refuses("a fox", None, "a bl00dbath")
    assert found is not None
    assert found.rule == "gore"


def test_wrong_or_missing_file_names_the_setting(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SettingsError, match=r"^CONTENT_RULES is wrong: .*cannot be read"):
        guard(Settings({"content_rules": tmp_path / "none.toml"}), [])


def test_moderation_without_a_key_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^OPENAI_MODERATION needs OPENAI_API_KEY\.$"):
        guard(Settings({"openai_moderation": True}), [])


@pytest.mark.asyncio
async def test_openai_is_shown_the_picture_and_what_it_flags_is_held() -> None:
    with serving(OpenAIPeer().app) as peer:
        settings = moderating(peer)
        generators = hosted(settings)
        made = guard(settings, generators)
        assert made.moderates
        assert await made.reason_to_hold(["a fox"], picture(), "image/png") is None
        assert await made.reason_to_hold(["blood", None], picture(), "image/png") == (
            "Waits for a reviewer: OpenAI's moderation flagged violence/graphic, violence."
        )
        for generator in generators:
            await generator.close()


@pytest.mark.asyncio
async def test_openai_that_refuses_the_key_holds_and_says_so() -> None:
    with serving(OpenAIPeer().app) as peer:
        settings = Settings({**moderating(peer)._values, "openai_api_key": "sk-wrong"})
        generators = hosted(settings)
        reason = await guard(settings, generators).reason_to_hold(["a fox"], picture(), "image/png")
        for generator in generators:
            await generator.close()
    assert reason is not None
    assert reason.startswith("Waits for a reviewer: OpenAI's moderation could not be asked. ")
    assert "sk-wrong" not in reason
