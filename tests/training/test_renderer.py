"""The renderer: same look, same bytes; every attribute shows; edges are smooth."""

import itertools
import random

import numpy as np
import pytest

from training.starter.looks import VALUES, Look, labels, random_look
from training.starter.render import pixels_of, render

SHOWING = {
    "scene": Look(kind="scene", scene="beach"),
    "object": Look(kind="object"),
    "person": Look(style="long", scene="beach"),
}


def _changed(first: Look, second: Look) -> int:
    gap = np.abs(pixels_of(first).astype(int) - pixels_of(second).astype(int)).max(axis=2)
    return int((gap > 40).sum())


def test_rendering_a_look_twice_gives_equal_bytes() -> None:
    rng = random.Random(4)
    for look in [random_look(rng) for _ in range(20)]:
        assert render(look).tobytes() == render(look).tobytes()


@pytest.mark.parametrize("name", [name for name in VALUES if name not in {"kind", "wall", "object"}])
def test_changing_one_attribute_of_a_person_changes_the_picture(name: str) -> None:
    values = VALUES[name]
    for before, after in itertools.pairwise(values):
        one, other = (SHOWING["person"].but(**{name: value}) for value in (before, after))
        assert _changed(one, other) >= 25, (name, before, after)


def test_changing_the_wall_or_the_object_changes_the_picture() -> None:
    for name in ("wall", "object"):
        values = VALUES[name]
        for before, after in itertools.pairwise(values):
            one, other = (SHOWING["object"].but(**{name: value}) for value in (before, after))
            assert _changed(one, other) >= 400, (name, before, after)


def test_a_scene_without_anybody_ignores_a_persons_attributes() -> None:
    scene = SHOWING["scene"]
    assert _changed(scene, scene.but(hair="pink", hat="crown")) == 0
    assert _changed(scene, scene.but(scene="forest")) > 4000


@pytest.mark.parametrize("pixels", [64, 128, 256])
def test_a_picture_has_the_size_asked_for(pixels: int) -> None:
    picture = render(SHOWING["person"], pixels)
    assert (picture.size, picture.mode) == ((pixels, pixels), "RGB")


def test_edges_are_drawn_with_colours_between_two_fills() -> None:
    plain = Look(kind="object", object="apple", wall="white")
    colours = {tuple(colour) for colour in pixels_of(plain).reshape(-1, 3).tolist()}
    fills = 12
    assert len(colours) > 4 * fills


def test_a_value_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="hair is 'plaid'"):
        Look(hair="plaid")


def test_labels_mark_what_a_picture_does_not_show() -> None:
    found = labels(Look(kind="object", object="cat", wall="teal"))
    assert found["object"] == VALUES["object"].index("cat")
    assert found["wall"] == VALUES["wall"].index("teal")
    assert {name for name, index in found.items() if index >= 0} == {"kind", "scene", "wall", "object"}


def test_random_looks_show_every_value_of_every_attribute() -> None:
    rng = random.Random(9)
    seen: dict[str, set[str]] = {name: set() for name in VALUES}
    for look in [random_look(rng) for _ in range(3000)]:
        for name in look.shown():
            seen[name].add(getattr(look, name))
    assert seen == {name: set(values) for name, values in VALUES.items()}
