"""Which pictures hold the likeness at a hosted model, and what the finished picture says about it.

The base image comes first, then the others in the order given, up to the model's limit; a model that takes no
pictures is held by the prompt alone.
"""

from decimal import Decimal

from generators.catalog import Capability
from generators.events import FailureKind, ImageFacts, ImageMade, Json
from generators.hosted.calls import Order, Reference
from generators.hosted.clock import Clock
from generators.hosted.entry import Entry
from generators.hosted.failures import Trouble
from generators.hosted.picture import Picture
from generators.spec import Conditioning, ConditioningKind, FileRef, ImageSpec, OpenFile

_PICTURES = (ConditioningKind.INIT_IMAGE, ConditioningKind.REFERENCE_IMAGE, ConditioningKind.IP_ADAPTER)


def usable(spec: ImageSpec, entry: Entry) -> tuple[Conditioning, ...]:
    """Those pictures of the spec that this model can be given, as it will be given them, no file twice."""
    can = entry.model.capabilities
    seen: set[str] = set()
    chosen: list[Conditioning] = []
    # What is being refined stands first: a mask belongs to it.
    ordered = sorted(spec.conditioning, key=lambda held: held.kind is not ConditioningKind.INIT_IMAGE)
    for held in ordered:
        if held.kind not in _PICTURES or held.file is None or held.file.sha256 in seen:
            continue
        if held.kind is ConditioningKind.INIT_IMAGE and Capability.IMAGE_TO_IMAGE in can:
            kind = ConditioningKind.INIT_IMAGE
        elif Capability.REFERENCE_IMAGES in can:
            kind = ConditioningKind.REFERENCE_IMAGE
        else:
            continue
        seen.add(held.file.sha256)
        weight = held.weight if kind is ConditioningKind.INIT_IMAGE else 1.0
        chosen.append(Conditioning(kind=kind, weight=weight, file=held.file, source_id=held.source_id))
    return tuple(chosen[: max(entry.model.max_references, 1)])


async def opened(held: tuple[Conditioning, ...], open_file: OpenFile) -> tuple[Reference, ...]:
    """The same pictures with their bytes."""
    references = []
    for one in held:
        assert one.file is not None
        data = await read(one.file, open_file)
        references.append(Reference(data=data, media_type=one.file.media_type, held=one))
    return tuple(references)


async def read(file: FileRef, open_file: OpenFile) -> bytes:
    """Its bytes; raises Trouble when they are gone."""
    try:
        return await open_file(file)
    except FileNotFoundError as error:
        words = "A picture that the request names is gone from the store."
        raise Trouble(FailureKind.BAD_REQUEST, words) from error


def image_made(
    order: Order[ImageSpec],
    picture: Picture,
    clock: Clock,
    cost: Decimal,
    **said: Json,
) -> ImageMade:
    """The final event. `said`: `provider_id`, `version`, `seed`, `steps` as the provider said; the rest is parameters."""
    provider_id, version, seed = (
        said.pop("provider_id", None),
        said.pop("version", None),
        said.pop("seed", None),
    )
    steps = said.pop("steps", 0)
    plain = [Conditioning(kind=ConditioningKind.PROMPT)]
    if seed is not None:
        plain += [held for held in order.spec.conditioning if held.kind is ConditioningKind.SEED]
    facts = ImageFacts(
        model=order.entry.model.key,
        model_version=str(version) if version is not None else None,
        width=picture.width,
        height=picture.height,
        seed=seed if isinstance(seed, int) else None,
        steps=steps if isinstance(steps, int) else 0,
        duration_ms=max(0, round((clock.now() - order.begun) * 1000)),
        conditioning=(*plain, *(reference.held for reference in order.references)),
        parameters={name: value for name, value in said.items() if value is not None},
        cost=cost,
        provider_job_id=str(provider_id) if provider_id is not None else None,
        fallback_from=order.fallback_from,
    )
    return ImageMade(data=picture.data, media_type=picture.media_type, facts=facts)
