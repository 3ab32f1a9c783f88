"""Looks at what can make pictures and text: checkpoints on this machine, and each provider's key."""

from collections.abc import Iterator

from app.checkup.finding import Finding, State
from executor.models import Models
from generators.catalog import Capability, Model, Provider
from generators.hosted.settings import HostedSettings

KEYS = {
    Provider.OPENAI: ("OPENAI_API_KEY", "openai_api_key"),
    Provider.REPLICATE: ("REPLICATE_API_TOKEN", "replicate_api_token"),
    Provider.RECRAFT: ("RECRAFT_API_TOKEN", "recraft_api_token"),
    Provider.GEMINI: ("GEMINI_API_KEY", "gemini_api_key"),
    Provider.PEXELS: ("PEXELS_API_KEY", "pexels_api_key"),
}
NAMES = {Provider.OPENAI: "OpenAI"}


def pictures(models: Models, hosted: HostedSettings) -> Iterator[Finding]:
    """The findings; the last one says whether a picture can be made at all."""
    yield from _checkpoints(models)
    for provider, (variable, field) in KEYS.items():
        yield _provider(provider, variable, configured=getattr(hosted, field) is not None)
    yield _main_job(models)


def _checkpoints(models: Models) -> Iterator[Finding]:
    for model in models.list():
        if model.provider is not Provider.LOCAL or model.retired_on is not None:
            continue
        state = models.availability(model.key)
        if state.available:
            note = f" {model.note}" if model.note else ""
            yield Finding(what=f"Checkpoint {model.key}", state=State.WORKS, words=f"{model.name}.{note}")
        else:
            words = state.reason or "It cannot be used."
            yield Finding(what=f"Checkpoint {model.key}", state=State.NOT_CONFIGURED, words=words)


def _provider(provider: Provider, variable: str, *, configured: bool) -> Finding:
    name = NAMES.get(provider, provider.value.capitalize())
    if configured:
        words = f"{variable} is set; `doctor --live` makes one cheap call with it."
        return Finding(what=name, state=State.WORKS, words=words)
    return Finding(
        what=name,
        state=State.NOT_CONFIGURED,
        words=f"{variable} is not set.",
        remedy=f"Set {variable} to a key from your {name} account to use its models.",
    )


def _main_job(models: Models) -> Finding:
    usable: list[Model] = [
        model for model in models.list(Capability.TEXT_TO_IMAGE) if models.availability(model.key).available
    ]
    if usable:
        names = ", ".join(model.key for model in usable[:5])
        more = f" and {len(usable) - 5} more" if len(usable) > 5 else ""  # noqa: PLR2004 -- as many as fit a line
        return Finding(what="Pictures", state=State.WORKS, words=f"can be made with {names}{more}.")
    return Finding(
        what="Pictures",
        state=State.MISSING_ESSENTIAL,
        words="No model can be used.",
        remedy="Remove STARTER_CHECKPOINT=off, run `python -m app models pull sdxl-base`, or set a provider's key.",
    )
