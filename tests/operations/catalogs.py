"""Catalogs for tests: models that differ in what they can do; none is ever run."""

from typing_extensions import override

from generators.catalog import Availability, Capability, Model, Provider, Size
from generators.scripted import ScriptedGenerator, ScriptedSettings


class Catalog(ScriptedGenerator):
    """Models that differ in what they can do; none is ever run."""

    def __init__(self, models: dict[Model, Availability]) -> None:
        super().__init__(ScriptedSettings(scripted_generator=True))
        self._models = {model.key: (model, state) for model, state in models.items()}

    @override
    def models(self) -> tuple[Model, ...]:
        return tuple(model for model, _ in self._models.values())

    @override
    def availability(self, key: str) -> Availability:
        return self._models[key][1]


HOSTED = Model(
    key="gpt-image",
    name="GPT Image",
    provider=Provider.OPENAI,
    capabilities=frozenset({Capability.TEXT_TO_IMAGE, Capability.REFERENCE_IMAGES}),
    sizes=(Size(width=1024, height=1024), Size(width=1536, height=1024)),
    qualities=("low", "high"),
)
SMALL = Model(
    key="small",
    name="Small",
    provider=Provider.LOCAL,
    capabilities=frozenset({Capability.TEXT_TO_IMAGE}),
    sizes=(Size(width=512, height=512),),
)
READY = Availability(available=True)
