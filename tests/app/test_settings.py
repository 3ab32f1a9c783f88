"""Settings: one source each, checked at start, named when wrong."""

import pathlib

import pytest

from app import settings as reader
from app.commands import docs
from app.server_settings import ServerSettings
from generators.diffusion.settings import DiffusionSettings

NOWHERE = pathlib.Path("/nonexistent/.env")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in reader.table():
        monkeypatch.delenv(row.name, raising=False)


def test_nothing_given_uses_the_defaults() -> None:
    server = reader.load(env_file=NOWHERE).section(ServerSettings)

    assert (server.host, server.port) == ("127.0.0.1", 8000)


def test_flag_wins_over_environment_over_env_file(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("PORT=1\nHOST=::1\nLOG_LEVEL=debug\n")
    monkeypatch.setenv("PORT", "2")
    monkeypatch.setenv("HOST", "localhost")

    server = reader.load({"PORT": "3"}, env_file).section(ServerSettings)

    assert (server.port, server.host, server.log_level) == (3, "localhost", "debug")


def test_wrong_value_is_named_with_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "eight")

    with pytest.raises(reader.SettingsError) as error:
        reader.load(env_file=NOWHERE)

    assert str(error.value).startswith("PORT is wrong: input should be a valid integer")
    assert "'eight'" in str(error.value)


def test_wrong_secret_is_named_but_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_API_KEY", "too-short")

    with pytest.raises(reader.SettingsError) as error:
        reader.load(env_file=NOWHERE)

    assert str(error.value).startswith("ADMIN_API_KEY is wrong")
    assert "too-short" not in str(error.value)


def test_unknown_name_in_env_file_is_named_with_the_nearest(tmp_path: pathlib.Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("PROT=9000\n")

    with pytest.raises(reader.SettingsError, match=r"PROT is not a setting\. Did you mean PORT\?"):
        reader.load(env_file=env_file)


def test_foreign_environment_variable_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROT", "9000")

    assert reader.load(env_file=NOWHERE).section(ServerSettings).port == 8000


def test_list_is_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_CHECKPOINTS", "/models/sdxl, portrait=owner/name ,")

    engine = reader.load(env_file=NOWHERE).section(DiffusionSettings)

    assert engine.local_checkpoints == ("/models/sdxl", "portrait=owner/name")


def test_off_turns_the_starter_checkpoint_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARTER_CHECKPOINT", "off")

    assert reader.load(env_file=NOWHERE).section(DiffusionSettings).starter_checkpoint is False


def test_every_setting_has_a_meaning() -> None:
    assert [row.name for row in reader.table() if len(row.meaning) < 15] == []


def test_meanings_speak_to_people_and_not_of_python() -> None:
    assert [row.name for row in reader.table() if "None" in row.meaning] == []


def test_committed_page_lists_every_setting() -> None:
    assert docs.PAGE.read_text() == docs.render()
