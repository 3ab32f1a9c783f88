"""What a noise scheduler remembers: its attributes, now and before its first step. Knows no family and no file."""

import copy
from typing import Any


def attributes(scheduler: Any) -> dict[str, Any]:
    """What a scheduler can change while it runs; its frozen config excluded."""
    return {name: value for name, value in vars(scheduler).items() if not name.startswith("_internal")}


def fresh(scheduler: Any) -> dict[str, Any]:
    """The attributes of a scheduler that has not stepped, to compare with later."""
    kept = {}
    for name, value in attributes(scheduler).items():
        try:
            kept[name] = copy.deepcopy(value)
        except (TypeError, RuntimeError):  # an object that cannot be copied can be saved neither
            continue
    return kept
