"""By what a subject is held in a picture: the strongest way that the model offers, and what is asked for besides.

What there is to hold by is found once (`grips.py`); what a model can do of it is decided here, for each model. A
locked look is always held by the strongest way; other ways add up with it.
"""

import dataclasses
from collections.abc import Sequence

from generators.catalog import Capability, Model
from generators.spec import Conditioning, ConditioningKind, FileRef
from resolvers import masks
from resolvers.grips import Grip, Way
from resolvers.refused import Refused, UserErrorCode
from store.database.tables import Adapter

USUAL = {
    ConditioningKind.LORA: 1.0,
    ConditioningKind.IP_ADAPTER: 0.7,
    ConditioningKind.REFERENCE_IMAGE: 1.0,
    ConditioningKind.INIT_IMAGE: 0.3,
    ConditioningKind.CONTROLNET: 1.0,
}
"""The usual weights; more of an initial picture would repeat its pose and background."""
HEAVIEST = {ConditioningKind.INIT_IMAGE: 1.0}
HEAVIEST_ELSE = 2.0
BY_WORDS = frozenset({ConditioningKind.PROMPT, ConditioningKind.SEED})
ONLY_ONE = (ConditioningKind.INIT_IMAGE, ConditioningKind.CONTROLNET)
ADAPTER_TYPE = "application/octet-stream"
Ways = dict[ConditioningKind, Conditioning]


def conditioning(
    model: Model, held: Grip, asked: Sequence[Way], *, by_seed: bool
) -> tuple[Conditioning, ...]:
    """By what that model holds the subject; raises Refused for a way that it does not offer."""
    plain: list[Conditioning] = []
    if held.subject is not None:
        plain.append(Conditioning(kind=ConditioningKind.PROMPT))
        if by_seed and Capability.SEED in model.capabilities:
            plain.append(Conditioning(kind=ConditioningKind.SEED))
    chosen = ways(model, held, asked)
    found = (*plain, *chosen, *_given(model, held, chosen))
    if held.mask is not None:
        masks.require_picture(found)
    return found


def ways(model: Model, held: Grip, asked: Sequence[Way]) -> tuple[Conditioning, ...]:
    """What is asked for, and of a locked look, or when nothing is asked for, the strongest way there is."""
    offered = _offered(model, held)
    strongest = next(iter(offered.values()), None)
    chosen = [found for way in asked if (found := _asked(model, held, way, offered)) is not None]
    if strongest is not None and held.locked:
        if any(way.kind in BY_WORDS for way in asked):
            raise _locked(held, strongest)
        if not any(_as_strong(one, strongest, held) for one in chosen):
            chosen.insert(0, strongest)
    elif strongest is not None and not asked:
        chosen.append(strongest)
    _check_together(chosen)
    return tuple(chosen)


def _asked(model: Model, held: Grip, way: Way, offered: Ways) -> Conditioning | None:
    """One way that is asked for; None = by words alone."""
    if way.kind in BY_WORDS:
        return None
    found: Conditioning | None
    if way.adapter_id is not None:
        if way.kind not in {None, ConditioningKind.LORA} or way.variant_id is not None:
            words = "`adapterId` goes with the kind LORA and with no `variantId`."
            raise Refused(UserErrorCode.INVALID_INPUT, words, ("conditioning", "adapterId"))
        found = _worn(model, held.adapters[way.adapter_id])
    elif way.variant_id is not None:
        shown = held.pictures[way.variant_id]
        found = _of_kind(pictured(model, shown, masked=held.mask is not None), way.kind)
    else:
        found = _of_kind(offered, way.kind)
    if found is None and (way.kind is not None or way.variant_id is not None):
        raise _cannot(model, held, way, offered)
    return found if found is None else _weighed(model, found, way.weight)


def _of_kind(among: Ways, kind: ConditioningKind | None) -> Conditioning | None:
    """That one, or the strongest."""
    return next(iter(among.values()), None) if kind is None else among.get(kind)


def _weighed(model: Model, found: Conditioning, weight: float | None) -> Conditioning:
    if weight is None:
        return found
    heaviest = HEAVIEST.get(found.kind, HEAVIEST_ELSE)
    if not 0 <= weight <= heaviest:
        words = f"The weight of {found.kind.value} must be between 0 and {heaviest:g}; got {weight}."
        raise Refused(UserErrorCode.INVALID_INPUT, words, ("conditioning", "weight"))
    if found.kind is ConditioningKind.REFERENCE_IMAGE and weight != USUAL[found.kind]:
        words = (
            f"{model.name} reads reference pictures whole; leave `weight` out, or say in words what to keep."
        )
        raise Refused(UserErrorCode.NOT_SUPPORTED, words, ("conditioning", "weight"))
    return dataclasses.replace(found, weight=weight)


def _as_strong(one: Conditioning, strongest: Conditioning, held: Grip) -> bool:
    """Whether it holds the subject in the same way: the same kind, and of adapters one of the subject's own."""
    if one.kind is not strongest.kind:
        return False
    own = {str(each.id) for each in held.own_adapters}
    return one.kind is not ConditioningKind.LORA or one.source_id in own


def _check_together(chosen: Sequence[Conditioning]) -> None:
    for kind in ONLY_ONE:
        if sum(one.kind is kind for one in chosen) > 1:
            words = f"A picture has one {kind.value}; give it once."
            raise Refused(UserErrorCode.INVALID_INPUT, words, ("conditioning", "kind"))
    sources = [(one.kind, one.source_id) for one in chosen]
    if len(set(sources)) < len(sources):
        raise Refused(UserErrorCode.INVALID_INPUT, "Name each way once.", ("conditioning",))


def _offered(model: Model, held: Grip) -> Ways:
    """Every way the model offers for this subject, the strongest first."""
    offered: Ways = {}
    if held.adapter is not None and _wearable(model, held.adapter):
        offered[ConditioningKind.LORA] = _worn(model, held.adapter)
    masked = held.mask is not None
    return offered | (pictured(model, held.picture, masked=masked) if held.picture is not None else {})


def _wearable(model: Model, adapter: Adapter) -> bool:
    return (
        Capability.LORA in model.capabilities and adapter.base_model_key == model.key and bool(adapter.sha256)
    )


def _worn(model: Model, adapter: Adapter) -> Conditioning:
    if not _wearable(model, adapter):
        words = f"The adapter {adapter.trigger} was trained on {adapter.base_model_key}; {model.name} cannot wear it."
        raise Refused(UserErrorCode.NOT_SUPPORTED, words, ("conditioning", "adapterId"))
    file = FileRef(sha256=adapter.sha256 or "", size=adapter.size or 0, media_type=ADAPTER_TYPE)
    kind = ConditioningKind.LORA
    return Conditioning(kind=kind, weight=USUAL[kind], file=file, source_id=str(adapter.id))


def pictured(model: Model, picture: Conditioning, *, masked: bool = False) -> Ways:
    """The ways to hold by a picture, the strongest first; `masked` = a part of the initial one is painted anew."""
    kinds = (
        (Capability.REFERENCE_IMAGES, reference_kind(model)),
        (Capability.INPAINT if masked else Capability.IMAGE_TO_IMAGE, ConditioningKind.INIT_IMAGE),
        (Capability.CONTROLNET, ConditioningKind.CONTROLNET),
    )
    usual = USUAL | masks.USUAL if masked else USUAL
    return {
        kind: dataclasses.replace(picture, kind=kind, weight=usual[kind])
        for capability, kind in kinds
        if capability in model.capabilities
    }


def _given(model: Model, held: Grip, chosen: Sequence[Conditioning]) -> tuple[Conditioning, ...]:
    """The uploaded references as this model takes them, with the weight of what an IP-Adapter sees first."""
    begun = any(one.kind is ConditioningKind.INIT_IMAGE for one in chosen)
    if held.mask is not None and held.references and not begun:
        first = pictured(model, held.references[0], masked=True)[ConditioningKind.INIT_IMAGE]
        others = dataclasses.replace(held, references=held.references[1:])
        return (first, *_given(model, others, (*chosen, first)))
    if not held.references:
        return ()
    if Capability.REFERENCE_IMAGES in model.capabilities:
        kind = reference_kind(model)
        weight = next((one.weight for one in chosen if one.kind is kind), USUAL[kind])
        return tuple(dataclasses.replace(one, kind=kind, weight=weight) for one in held.references)
    if Capability.IMAGE_TO_IMAGE in model.capabilities and len(held.references) == 1 and not begun:
        kind = ConditioningKind.INIT_IMAGE
        return (dataclasses.replace(held.references[0], kind=kind, weight=USUAL[kind]),)
    words = f"{model.name} takes no reference pictures besides the one it begins with."
    raise Refused(UserErrorCode.NOT_SUPPORTED, words, ("referenceUploadIds",))


def reference_kind(model: Model) -> ConditioningKind:
    """How the model looks at references: through an adapter beside it, or by itself."""
    return ConditioningKind.IP_ADAPTER if model.reference_adapter else ConditioningKind.REFERENCE_IMAGE


def _locked(held: Grip, strongest: Conditioning) -> Refused:
    name = held.subject.name if held.subject is not None else ""
    words = (
        f"The look of {name} is locked, so every picture is held by {strongest.kind.value}. Set its `weight`, or "
        "call unlockAppearance first."
    )
    return Refused(UserErrorCode.APPEARANCE_LOCKED, words, ("conditioning", "kind"))


def _cannot(model: Model, held: Grip, way: Way, offered: Ways) -> Refused:
    wanted = way.kind
    if held.picture is None and way.variant_id is None and wanted is not ConditioningKind.LORA:
        words = "There is no approved base image to hold the subject by. Approve one, or name a `variantId`."
        return Refused(UserErrorCode.NO_BASE_IMAGE, words, ("conditioning",))
    by = "a picture" if wanted is None else wanted.value
    can = ", ".join(["PROMPT", *(kind.value for kind in offered)])
    words = f"{model.name} cannot hold this subject by {by}. It can by: {can}."
    return Refused(UserErrorCode.NOT_SUPPORTED, words, ("conditioning", "kind"))
