"""The command line: what it says, and with which exit status it ends."""

import logging
import pathlib
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from app.__main__ import main
from store.database.sessions import Database
from store.database.tables import ApiKey, AuditEntry


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, database_url: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", database_url)


@pytest.fixture
def root_logger() -> Iterator[None]:
    """`serve` makes it write to standard error, which here is pytest's and is closed with the test."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)


def test_doctor_on_a_fresh_machine_finds_the_main_job_possible(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["doctor"])

    said = capsys.readouterr().out
    assert status == 0
    assert "+ Database: PostgreSQL" in said
    assert "+ Device: " in said
    assert "- OpenAI: OPENAI_API_KEY is not set." in said
    assert "+ Pictures: can be made with starter." in said
    assert said.rstrip().endswith("The server can do its main job.")


def test_doctor_without_any_model_fails_and_says_how_to_get_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARTER_CHECKPOINT", "off")

    status = main(["doctor"])

    said = capsys.readouterr().out
    assert status == 1
    assert (
        "X Pictures: No model can be used.\n    Remove STARTER_CHECKPOINT=off, run `python -m app models pull"
        in said
    )


def test_doctor_with_an_unreachable_database_fails_without_showing_the_password(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:hunter2@127.0.0.1:9/none")

    status = main(["doctor"])

    said = capsys.readouterr().out
    assert status == 1
    assert "X Database: DATABASE_URL does not answer" in said
    assert "hunter2" not in said


def test_migrate_says_where_the_database_stands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate"]) == 0
    assert "The database stands at revision 0" in capsys.readouterr().out


def test_models_lists_each_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0

    lines = {
        line.split()[0]: line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")
    }
    assert lines["starter"].endswith("available")
    assert lines["sdxl-base"].endswith("Not downloaded; run `python -m app models pull sdxl-base`.")
    assert lines["dall-e-3"].endswith("DALL-E 3 was retired on 2026-05-12; use gpt-image-2.5-sunburst.")


def test_the_card_of_a_checkpoint_is_shown_without_its_front_matter(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["models", "show", "starter"]) == 0

    said = capsys.readouterr().out
    assert said.startswith("# Likeness starter")
    for part in ("**Data.**", "**Parts.**", "**Licence.** Apache-2.0", "**Does not draw**", "## Figures"):
        assert part in said


def test_a_checkpoint_without_a_card_says_which_have_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "sdxl-base"]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "sdxl-base has no card on this disk; there is one for: starter.\n")


def test_pulling_an_unknown_model_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull", "nothing-like-it"]) == 1
    assert "nothing-like-it" in capsys.readouterr().err


@pytest.mark.asyncio
async def test_created_key_is_shown_once_and_only_its_digest_is_kept(
    db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    import asyncio

    assert await asyncio.to_thread(main, ["keys", "create", "laptop", "--days", "3", "--scope", "READ"]) == 0

    secret = capsys.readouterr().out.strip()
    async with db.session() as session:
        key = (await session.scalars(select(ApiKey))).one()
    assert secret.startswith(key.prefix + "_")
    assert (key.name, key.scopes) == ("laptop", ["READ"])
    assert secret.encode() not in key.digest
    assert await asyncio.to_thread(main, ["keys", "revoke", key.prefix]) == 0
    assert await asyncio.to_thread(main, ["keys", "list"]) == 0
    assert "revoked" in capsys.readouterr().out
    async with db.session() as session:
        entries = (await session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
    assert [(one.actor, one.action, one.object_id) for one in entries] == [
        ("command line", "api_key.created", key.id),
        ("command line", "api_key.revoked", key.id),
    ]


def test_key_with_an_unknown_scope_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "laptop", "--scope", "EVERYTHING"]) == 2
    assert "There is no scope EVERYTHING" in capsys.readouterr().err


@pytest.mark.usefixtures("root_logger")
def test_serving_on_another_address_without_a_key_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", "0.0.0.0", "--port", "0"]) == 1
    assert (
        "HOST 0.0.0.0 can be reached from other machines, and there is no key yet." in capsys.readouterr().err
    )


@pytest.mark.usefixtures("root_logger")
def test_taken_port_is_said_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        assert main(["serve", "--port", str(port)]) == 1

    assert f"HOST 127.0.0.1, PORT {port} cannot be used" in capsys.readouterr().err


def test_unknown_flag_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--prot", "1"])

    assert ended.value.code == 2
    assert "--prot" in capsys.readouterr().err
