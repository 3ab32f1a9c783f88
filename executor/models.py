"""All models of all generators under one roof: who answers for a key, in which lane it runs, how long it takes."""

import collections
import statistics
from collections.abc import Sequence

from generators.catalog import Availability, Capability, Catalog, Model, Provider
from generators.generator import Generator

LOCAL_LANE = "local"
REMEMBERED = 25  # durations kept for each model


class Models:
    """The merged catalogs. Raises ValueError when two generators answer for one key."""

    def __init__(self, generators: Sequence[Generator]) -> None:
        self.generators = tuple(generators)
        self._catalog = Catalog(model for generator in generators for model in generator.models())
        self._owners = {model.key: generator for generator in generators for model in generator.models()}
        self._seconds: dict[str, collections.deque[float]] = {}

    def get(self, key: str) -> Model | None:
        """The model of that key, retired ones included."""
        return self._catalog.get(key)

    def list(self, capability: Capability | None = None) -> list[Model]:
        """All models, or those with one capability, in the order of the generators."""
        return [model for model in self._catalog if capability is None or capability in model.capabilities]

    def generator_for(self, key: str) -> Generator | None:
        """Who makes pictures or text with that model."""
        return self._owners.get(key)

    def availability(self, key: str) -> Availability:
        """Whether that model can be used now, as its generator says; a retired one names its successor."""
        model, generator = self.get(key), self.generator_for(key)
        if model is None or generator is None:
            return Availability(available=False, reason=f"There is no model {key!r} here.")
        return generator.availability(key)

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
