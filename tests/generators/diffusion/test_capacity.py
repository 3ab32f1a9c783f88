"""How many rows a forward gets: learned, bounded, kept."""

from pathlib import Path

import pytest

from generators.diffusion.capacity import SAMPLES, Curves


def measure(curves: Curves, rows: int, seconds: float, key: str = "k") -> None:
    for number in range(SAMPLES):
        curves.measured(key, rows, seconds if number else 100 * seconds)  # the first is warming up


def test_unknown_ground_starts_with_two_guided_requests() -> None:
    assert Curves(32).cap("k") == 4


def test_it_grows_while_rows_get_cheaper_and_stops_at_the_knee() -> None:
    curves = Curves(32)
    seconds = {2: 1.0, 4: 1.6, 8: 2.7, 16: 5.3, 32: 10.6}
    caps = []
    for rows in (2, 4, 8, 16):
        measure(curves, rows, seconds[rows])
        caps.append(curves.cap("k"))
    assert caps == [4, 8, 16, 8]  # 16 rows cost 0.33 each, 8 rows 0.34: not worth it


def test_a_saturated_device_keeps_two_guided_requests() -> None:
    curves = Curves(32)
    measure(curves, 2, 1.0)
    measure(curves, 4, 2.0)
    assert curves.cap("k") == 4


def test_nothing_goes_beyond_what_is_allowed_or_fits() -> None:
    curves = Curves(2)
    measure(curves, 2, 1.0)
    assert curves.cap("k") == 2
    wide = Curves(32)
    measure(wide, 2, 1.0)
    measure(wide, 4, 1.1)
    wide.limit("k", 3)
    assert wide.cap("k") == 3
    assert wide.cap("other") == 4


def test_measuring_ends_when_enough_is_known() -> None:
    curves = Curves(32)
    assert curves.learning("k", 3)
    measure(curves, 3, 1.0)
    assert not curves.learning("k", 4)  # the same bucket
    assert curves.learning("k", 5)


def test_what_was_learned_survives_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "curves.json"
    first = Curves(32, file)
    measure(first, 2, 1.0)
    measure(first, 4, 1.2)
    measure(first, 8, 2.4)
    assert first.cap("k") == 4
    again = Curves(32, file)
    assert again.cap("k") == 4
    assert not again.learning("k", 8)


@pytest.mark.parametrize("damage", ["", "[]", '{"k": 3}', '{"k": {"x": [1]}}', "\x00"])
def test_a_damaged_file_is_learned_anew(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "curves.json"
    file.write_text(damage)
    assert Curves(32, file).cap("k") == 4
