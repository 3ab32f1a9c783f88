"""Slow imports: what they bring is not looked through for garbage."""

import gc
import threading

from generators.diffusion.importing import imported


def test_what_was_imported_is_frozen_out_of_the_collectors_sight() -> None:
    brought: list[list[int]] = []
    collecting: list[bool] = []

    def modules() -> None:
        collecting.append(gc.isenabled())
        brought.append([])

    before = gc.get_freeze_count()

    assert imported(modules, threading.Condition(), lambda: False)

    assert collecting == [False]
    assert gc.isenabled()
    assert gc.get_freeze_count() > before
    assert not any(one is brought[0] for one in gc.get_objects())
