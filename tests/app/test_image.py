"""The image and the compose file say what the code needs; building them needs Docker, which tests never do."""

import pathlib
import re

import yaml

from app import settings as reader
from app.identity import loopback

DOCKERFILE = pathlib.Path("Dockerfile").read_text()
COMPOSE = yaml.safe_load(pathlib.Path("compose.yaml").read_text())
FINAL_STAGE = DOCKERFILE.rsplit("\nFROM ", 1)[1]


def variables(text: str) -> set[str]:
    return set(re.findall(r"\b([A-Z][A-Z0-9_]{3,})=", text))


def test_every_floor_is_copied() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE))

    assert {"app", "schema", "resolvers", "executor", "generators", "store", "training"} <= copied


def test_torch_comes_first_by_the_number_of_the_makefile() -> None:
    wanted = re.search(r"torch==[\d.]+", pathlib.Path("Makefile").read_text())
    assert wanted is not None

    assert wanted.group() in DOCKERFILE
    assert DOCKERFILE.index(wanted.group()) < DOCKERFILE.index("--constraint constraints.txt")


def test_server_runs_as_nobody_in_particular_and_asks_for_a_key() -> None:
    assert re.search(r"^USER likeness$", FINAL_STAGE, re.MULTILINE)
    host = re.search(r"\bHOST=(\S+)", FINAL_STAGE)
    assert host is not None
    assert not loopback(host.group(1))
    assert "ADMIN_API_KEY" in COMPOSE["services"]["server"]["environment"]


def test_only_known_settings_are_set() -> None:
    known = {row.name for row in reader.table()} | {"PATH", "PYTHONUNBUFFERED", "HF_HOME"}
    environment = FINAL_STAGE[FINAL_STAGE.index("ENV ") : FINAL_STAGE.index("USER ")]

    assert variables(environment) <= known
    assert set(COMPOSE["services"]["server"]["environment"]) <= known


def test_compose_has_server_database_and_one_gpu() -> None:
    server = COMPOSE["services"]["server"]

    assert set(COMPOSE["services"]) == {"server", "database"}
    assert server["deploy"]["resources"]["reservations"]["devices"][0]["count"] == 1
    assert "pgvector" in COMPOSE["services"]["database"]["image"]
    assert server["ports"] == ["127.0.0.1:8000:8000"]


def test_devices_are_cpu_cuda_and_rocm() -> None:
    assert 'case "$DEVICE" in cpu|cuda)' in DOCKERFILE
    assert "rocm) test -n" in DOCKERFILE
