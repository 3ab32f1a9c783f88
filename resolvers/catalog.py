"""The models: what each can do, and whether it can be used now."""

from decimal import Decimal

from generators.catalog import Availability, Capability, Model
from resolvers.context import Info, Parent


def models(info: Info, capability: Capability | None = None) -> list[Model]:
    """All of them, or those that can do one thing; what can be used now comes first."""
    found = info.context.models.list(capability)
    return sorted(found, key=lambda model: not _availability(model, info).available)


def capabilities(model: Parent[Model]) -> list[Capability]:
    """What it can be asked for, in a stable order."""
    return sorted(model.capabilities, key=lambda capability: capability.value)


def provider(model: Parent[Model]) -> str:
    """Who makes the picture."""
    return model.provider.value


def price(model: Parent[Model]) -> Decimal | None:
    """US dollars for one picture."""
    return model.price


def typical_seconds(model: Parent[Model], info: Info) -> float | None:
    """How long one picture takes here."""
    return info.context.models.typical_seconds(model.key)


def available(model: Parent[Model], info: Info) -> bool:
    """Whether it can be used now."""
    return _availability(model, info).available


def unavailable_reason(model: Parent[Model], info: Info) -> str | None:
    """Why not, and what to do about it."""
    state = _availability(model, info)
    return None if state.available else state.reason


def _availability(model: Model, info: Info) -> Availability:
    return info.context.models.availability(model.key)
