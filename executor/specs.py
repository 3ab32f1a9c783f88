"""Specs as JSON: how what is to be made lies in a task's row."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from generators.spec import DownloadSpec, ImageSpec, Spec, TextSpec, TrainingSpec
from store.database.tables import TaskKind

_ADAPTERS: dict[TaskKind, TypeAdapter[Any]] = {
    TaskKind.IMAGE: TypeAdapter(ImageSpec),
    TaskKind.WRITE: TypeAdapter(TextSpec),
    TaskKind.TRAIN: TypeAdapter(TrainingSpec),
    TaskKind.DOWNLOAD: TypeAdapter(DownloadSpec),
}
_KINDS: dict[type, TaskKind] = {
    ImageSpec: TaskKind.IMAGE,
    TextSpec: TaskKind.WRITE,
    TrainingSpec: TaskKind.TRAIN,
    DownloadSpec: TaskKind.DOWNLOAD,
}


def kind_of(spec: Spec) -> TaskKind:
    """The kind of task that makes such a spec."""
    return _KINDS[type(spec)]


def to_json(spec: Spec) -> dict[str, Any]:
    """The spec as plain JSON values."""
    found: dict[str, Any] = _ADAPTERS[kind_of(spec)].dump_python(spec, mode="json")
    return found


def from_json(kind: TaskKind, data: Mapping[str, Any]) -> Spec:
    """The spec of a task's row.

    Raises:
        ValueError: the data is no such spec, or tasks of that kind have none.
    """
    adapter = _ADAPTERS.get(kind)
    if adapter is None:
        raise ValueError(f"A {kind.value} task has no spec.")
    spec: Spec = adapter.validate_python(dict(data))
    return spec
