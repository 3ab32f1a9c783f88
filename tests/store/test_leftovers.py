"""What a killed run of the tests leaves in memory goes with the next run; what is in use stays."""

import pathlib

from store.database.embedded_cluster import try_lock
from tests import postgres


def test_folders_of_killed_runs_go_and_those_in_use_stay(tmp_path: pathlib.Path) -> None:
    left, used, starting = (tmp_path / f"{postgres.FOLDER}{name}" for name in ("left", "used", "starting"))
    for folder in (left, used, starting):
        folder.mkdir()
    (left / "server.lock").touch()
    with (used / "server.lock").open("w") as held:
        assert try_lock(held.fileno())

        postgres._sweep(tmp_path)

    assert set(tmp_path.iterdir()) == {used, starting}
