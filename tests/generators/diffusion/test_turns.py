"""Who goes next: fairness between owners, short before long, no starvation."""

from collections import Counter

from generators.diffusion.turns import Turn, Turns


def turn(number: int, owner: str = "ann", **more: int | str) -> Turn:
    plain: dict[str, int | str] = {"share": "a", "rows": 2, "remaining": 20, "waited": 0}
    return Turn(number=number, owner=owner, **(plain | more))  # type: ignore[arg-type]  # keywords of mixed types


def four(share: object) -> int:
    return 4


def test_only_equal_shares_go_together() -> None:
    chosen = Turns().choose([turn(1), turn(2, share="b"), turn(3)], four)
    assert [one.number for one in chosen] == [1, 3]


def test_the_cap_counts_rows_and_a_larger_request_still_goes_alone() -> None:
    turns = Turns()
    assert [one.number for one in turns.choose([turn(1), turn(2), turn(3)], four)] == [1, 2]
    assert [one.number for one in turns.choose([turn(1, rows=9), turn(2, remaining=30)], four)] == [1]


def test_a_single_row_fills_what_two_rows_would_overfill() -> None:
    chosen = Turns().choose([turn(1, rows=1), turn(2), turn(3), turn(4, rows=1)], four)
    assert [one.number for one in chosen] == [1, 2, 4]


def test_a_short_run_goes_before_a_long_one() -> None:
    chosen = Turns().choose(
        [turn(1, remaining=1000), turn(2, remaining=900), turn(3, remaining=4)], lambda _: 2
    )
    assert [one.number for one in chosen] == [3]


def test_a_stream_of_short_runs_does_not_starve_a_long_one() -> None:
    turns, waited = Turns(), 0
    for forward in range(200):
        (chosen,) = turns.choose(
            [turn(0, remaining=100, waited=waited), turn(forward + 1, remaining=4)], lambda _: 2
        )
        if chosen.number == 0:
            break
        waited += 1
    assert waited == 96


def test_rows_are_shared_equally_between_owners_not_between_requests() -> None:
    turns = Turns()
    ready = [turn(number, "ann") for number in range(20)] + [turn(99, "bob")]
    served: Counter[str] = Counter()
    for _ in range(50):
        served.update(one.owner for one in turns.choose(ready, lambda _: 2))
    assert served == {"ann": 25, "bob": 25}


def test_an_owner_who_was_away_saves_nothing_up() -> None:
    turns = Turns()
    for _ in range(100):
        turns.choose([turn(1, "ann")], four)
    both = [turn(1, "ann"), turn(2, "bob")]
    served: Counter[str] = Counter()
    for _ in range(10):
        served.update(one.owner for one in turns.choose(both, lambda _: 2))
    assert served == {"ann": 5, "bob": 5}


def test_nobody_ready_gives_nobody() -> None:
    assert Turns().choose([], four) == []
