"""Settings: one source each, checked at start, named when wrong."""

import os
import pathlib
import subprocess
import sys

import pytest

from app import settings as reader
from app.commands import docs
from app.server_settings import ServerSettings
from generators.diffusion.settings import DiffusionSettings
from generators.diffusion.words import WORDS

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


UNKNOWN = {
    "ENGINE": ("cloud", "thread, process"),
    "DEVICE": ("tpu", "auto, cuda, cuda:N, mps, cpu"),
    "DTYPE": ("float8", "auto, float32, bfloat16, float16"),
    "ATTENTION": ("fast", "auto, native, flash, "),
    "QUANTIZATION": ("int4", "none, fp8, int8"),
    "OFFLOAD": ("disk", "auto, none, encoders, blocks, layers"),
    "PREVIEWS": ("sharp", "linear, autoencoder"),
    "TRAINING_DEVICE": ("cuda:N", "auto, cuda, cuda:N, mps, cpu"),
}
SWITCHES = sorted(
    row.name for row in reader.table() if row.section is DiffusionSettings and row.kind in {bool, bool | None}
)


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_word_of_the_engine_stops_the_start_with_those_it_may_be(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    word, words = UNKNOWN[name]
    monkeypatch.setenv(name, word)

    with pytest.raises(reader.SettingsError) as error:
        reader.load(env_file=NOWHERE)

    assert str(error.value).startswith(f"{name} is {word!r}; use one of {words}")


@pytest.mark.parametrize("name", SWITCHES)
def test_switch_that_is_neither_on_nor_off_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "perhaps")

    with pytest.raises(reader.SettingsError) as error:
        reader.load(env_file=NOWHERE)

    words = "use one of true, false, yes, no, on, off, 1, 0"
    assert str(error.value) == f"{name} is wrong: {words} (it was given as 'perhaps')."


def test_every_word_of_the_engine_is_tried_above_and_known_ones_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert UNKNOWN.keys() == WORDS.keys()
    assert {"COMPILE_BLOCKS", "CHANNELS_LAST", "TRAINING_PAUSES_SERVING"} <= set(SWITCHES)
    for name, words in WORDS.items():
        for word in words:
            monkeypatch.setenv(name, word.replace("cuda:N", "cuda:1"))
            reader.load(env_file=NOWHERE)
    monkeypatch.setenv("DEVICE", "cuda:0, cuda:1")
    assert reader.load(env_file=NOWHERE).section(DiffusionSettings).devices == ("cuda:0", "cuda:1")


def test_extra_of_an_unknown_kind_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_EXTRAS", "vae:sd=/models/vae")

    with pytest.raises(reader.SettingsError) as error:
        reader.load(env_file=NOWHERE)

    assert str(error.value) == (
        "LOCAL_EXTRAS: 'vae:sd=/models/vae' is no local extra; write ip-adapter:<family>=<folder>, "
        "controlnet[-canny]:<family>=<folder> or preview:<family>=<folder>."
    )


def test_device_list_without_a_name_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVICE", " , ")

    with pytest.raises(reader.SettingsError, match=r"^DEVICE names no device; use some of auto, cuda"):
        reader.load(env_file=NOWHERE)


@pytest.mark.parametrize("command", ["serve", "doctor"])
def test_command_ends_with_that_sentence_and_no_traceback(tmp_path: pathlib.Path, command: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "app", command],
        env={**os.environ, "DATA_DIR": str(tmp_path), "QUANTIZATION": "int4"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "QUANTIZATION is 'int4'; use one of none, fp8, int8.\n"
    assert list(tmp_path.iterdir()) == []


def test_every_setting_has_a_meaning() -> None:
    assert [row.name for row in reader.table() if len(row.meaning) < 15] == []


def test_meanings_speak_to_people_and_not_of_python() -> None:
    assert [row.name for row in reader.table() if "None" in row.meaning] == []


def test_committed_page_lists_every_setting() -> None:
    assert docs.PAGE.read_text() == docs.render()
