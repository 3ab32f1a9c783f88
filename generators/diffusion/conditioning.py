"""Which of a spec's conditionings a checkpoint can use, and their files opened. Knows no torch."""

import dataclasses
from collections.abc import Sequence

from generators.catalog import Capability, Model
from generators.diffusion.asks import Ask, Piece
from generators.spec import Conditioning, ConditioningKind, FileRef, OpenFile

LEAST_STRENGTH = 0.02
NEEDS = {
    ConditioningKind.INIT_IMAGE: Capability.IMAGE_TO_IMAGE,
    ConditioningKind.LORA: Capability.LORA,
    ConditioningKind.IP_ADAPTER: Capability.REFERENCE_IMAGES,
    ConditioningKind.REFERENCE_IMAGE: Capability.REFERENCE_IMAGES,
    ConditioningKind.CONTROLNET: Capability.CONTROLNET,
}
ONLY_ONE = (ConditioningKind.INIT_IMAGE, ConditioningKind.CONTROLNET)


class LostFileError(Exception):
    """A file that the picture needs is no longer stored; the words are for its owner."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chosen:
    """What is used and what is not."""

    used: tuple[Conditioning, ...]
    skipped: tuple[Conditioning, ...]

    def of(self, *kinds: ConditioningKind) -> tuple[Conditioning, ...]:
        """Those of the kinds, in order."""
        return tuple(item for item in self.used if item.kind in kinds)


def choose(asked: Sequence[Conditioning], model: Model, *, masked: bool = False) -> Chosen:
    """Sort by what the model can; of initial and control pictures the first is taken.

    `masked` = the initial picture is painted anew in part, which more models can than refine a whole one.
    """
    used: list[Conditioning] = []
    skipped: list[Conditioning] = []
    references = 0
    for item in asked:
        need = NEEDS.get(item.kind)
        if masked and item.kind is ConditioningKind.INIT_IMAGE:
            need = Capability.INPAINT
        able = need is None or (need in model.capabilities and item.file is not None)
        taken = item.kind in ONLY_ONE and any(other.kind is item.kind for other in used)
        if need is Capability.REFERENCE_IMAGES:
            references += 1
            taken = references > model.max_references
        if able and not taken:
            used.append(_as_seen(item, model))
        else:
            skipped.append(item)
    return Chosen(used=tuple(used), skipped=tuple(skipped))


def _as_seen(item: Conditioning, model: Model) -> Conditioning:
    """A reference under the name of how this checkpoint looks at it; without an adapter it has no weight."""
    if NEEDS.get(item.kind) is not Capability.REFERENCE_IMAGES:
        return item
    if model.reference_adapter:
        return dataclasses.replace(item, kind=ConditioningKind.IP_ADAPTER)
    return dataclasses.replace(item, kind=ConditioningKind.REFERENCE_IMAGE, weight=1.0)


async def opened(ask: Ask, chosen: Chosen, open_file: OpenFile) -> Ask:
    """The request with the files of what is used.

    Raises:
        LostFileError: one is gone.
    """
    kinds = ConditioningKind
    references = [
        await _piece(item, open_file) for item in chosen.of(kinds.IP_ADAPTER, kinds.REFERENCE_IMAGE)
    ]
    loras = [await _piece(item, open_file) for item in chosen.of(kinds.LORA)]
    controls = [await _piece(item, open_file) for item in chosen.of(kinds.CONTROLNET)]
    ask = dataclasses.replace(
        ask, references=tuple(references), loras=tuple(loras), control=controls[0] if controls else None
    )
    for item in chosen.of(kinds.INIT_IMAGE):
        initial = await _piece(item, open_file)
        strength = min(1.0, max(LEAST_STRENGTH, 1.0 - item.weight))
        ask = dataclasses.replace(ask, init_image=initial.data, strength=strength)
    return ask


async def with_mask(ask: Ask, mask: FileRef, open_file: OpenFile) -> Ask:
    """The request with a mask over its initial picture, of which a part is painted anew.

    Raises:
        LostFileError: the mask is gone, or there is no picture to paint in.
    """
    if ask.init_image is None:
        raise LostFileError("A mask needs an initial image to paint in, which this request has not.")
    try:
        return dataclasses.replace(ask, mask=await open_file(mask))
    except FileNotFoundError as error:
        raise LostFileError("The mask is no longer stored.") from error


async def _piece(item: Conditioning, open_file: OpenFile) -> Piece:
    assert item.file is not None  # choose skips what has no file
    try:
        data = await open_file(item.file)
    except FileNotFoundError as error:
        words = LOST.get(item.kind, "A reference image is no longer stored.")
        raise LostFileError(words) from error
    return Piece(sha256=item.file.sha256, data=data, weight=item.weight)


LOST = {
    ConditioningKind.INIT_IMAGE: "The initial image is no longer stored.",
    ConditioningKind.LORA: "The adapter is no longer stored.",
    ConditioningKind.CONTROLNET: "The control image is no longer stored.",
}
