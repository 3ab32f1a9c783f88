"""All models of all generators under one roof: who answers for a key, in which lane it runs, how long it takes."""

import collections
import statistics
from collections.abc import Sequence
from decimal import Decimal

from generators.catalog import Availability, Capability, Catalog, Model, Provider
from generators.generator import Checks, Downloads, Estimates, Finds, Generator, Writes
from generators.spec import ImageSpec, TextSpec, TrainingSpec

LOCAL_LANE = "local"
REMEMBERED = 25  # durations kept for each model


class Models:
    """The merged catalogs. Raises ValueError when two generators answer for one key."""

    def __init__(self, generators: Sequence[Generator]) -> None:
        self.generators = tuple(generators)
        self._catalog, self._owners = _merged(self.generators)
        self._seconds: dict[str, collections.deque[float]] = {}

    def refresh(self) -> None:
        """Ask the generators for their rows again: what was brought onto this machine may let models do more.

        Reads files, so never on an event loop.
        """
        self._catalog, self._owners = _merged(self.generators)

    def get(self, key: str) -> Model | None:
        """The model of that key, retired ones and those that are not listed included."""
        listed = self._catalog.get(key)
        if listed is not None:
            return listed
        finders = (generator.find(key) for generator in self.generators if isinstance(generator, Finds))
        return next((model for model in finders if model is not None), None)

    def list(self, capability: Capability | None = None) -> list[Model]:
        """All models, or those with one capability, in the order of the generators."""
        return [model for model in self._catalog if capability is None or capability in model.capabilities]

    def generator_for(self, key: str) -> Generator | None:
        """Who makes pictures or text with that model."""
        owner = self._owners.get(key)
        if owner is not None:
            return owner
        finders = (generator for generator in self.generators if isinstance(generator, Finds))
        return next((generator for generator in finders if generator.find(key) is not None), None)

    def availability(self, key: str) -> Availability:
        """Whether that model can be used now, as its generator says; a retired one names its successor."""
        model, generator = self.get(key), self.generator_for(key)
        if model is None or generator is None:
            return Availability(available=False, reason=f"There is no model {key!r} here.")
        return generator.availability(key)

    def check(self, spec: ImageSpec) -> str | None:
        """What the spec's model cannot do of what is asked, as a sentence; None = nothing is known against it."""
        generator: object = self.generator_for(spec.model)
        return generator.check(spec) if isinstance(generator, Checks) else None

    def estimate(self, spec: ImageSpec | TextSpec | TrainingSpec) -> Decimal:
        """US dollars that it may cost; the catalog's price where the generator does not say."""
        generator: object = self.generator_for(spec.model)
        if isinstance(generator, Estimates):
            return generator.estimate(spec)
        model = self.get(spec.model)
        return (model.price if model is not None else None) or Decimal(0)

    def not_downloadable(self, key: str) -> str | None:
        """Why there is nothing to bring onto this machine for that model; None = it can be brought."""
        generator: object = self.generator_for(key)
        if isinstance(generator, Downloads):
            return generator.not_downloadable(key)
        return f"There is nothing to download for {key}."

    def text_model(self) -> Model | None:
        """The model that writes texts and can be used now; None when nothing is configured."""
        keys = (generator.text_model() for generator in self.generators if isinstance(generator, Writes))
        usable = (self.get(key) for key in keys if key is not None and self.availability(key).available)
        return next((model for model in usable if model is not None), None)

    def lane_for(self, key: str) -> str:
        """`local` for this machine's own models, else the provider in lower case.

        Raises:
            KeyError: no such model.
        """
        model = self.get(key)
        if model is None:
            raise KeyError(key)
        return LOCAL_LANE if model.provider is Provider.LOCAL else model.provider.value.lower()

    def best_local(self) -> Model | None:
        """The available local text-to-image model with the highest rank; None when no local one is available."""
        usable = [
            model
            for model in self.list(Capability.TEXT_TO_IMAGE)
            if model.provider is Provider.LOCAL and self.availability(model.key).available
        ]
        return max(usable, key=lambda model: model.rank, default=None)

    def typical_seconds(self, key: str) -> float | None:
        """The median of the last durations measured here; None before the first."""
        measured = self._seconds.get(key)
        return statistics.median(measured) if measured else None

    def measured(self, key: str, seconds: float) -> None:
        """Remember how long one picture took."""
        self._seconds.setdefault(key, collections.deque(maxlen=REMEMBERED)).append(seconds)


def _merged(generators: Sequence[Generator]) -> tuple[Catalog, dict[str, Generator]]:
    """All rows, and who answers for each."""
    rows = [(model, generator) for generator in generators for model in generator.models()]
    return Catalog(model for model, _ in rows), {model.key: generator for model, generator in rows}
