"""What the executor counts. It knows no metrics library; the application hands it an `Observer`."""

from typing import Protocol


class Observer(Protocol):
    """Receives observations; thread-safe, quick, never raises."""

    def queue_depth(self, lane: str, tasks: int) -> None:
        """So many tasks wait in a lane now."""
        ...

    def queue_wait(self, lane: str, seconds: float) -> None:
        """A task was claimed after so long."""
        ...

    def step_time(self, model: str, seconds: float) -> None:
        """Two steps of one run lie so far apart."""
        ...

    def task_ended(self, model: str, outcome: str, seconds: float) -> None:
        """A run ended after so long: SUCCEEDED, RETRIED, FAILED, CANCELED, RELEASED or LOST."""
        ...

    def provider_error(self, lane: str, code: str) -> None:
        """A run failed with that failure code."""
        ...


class Silent:
    """Counts nothing."""

    def queue_depth(self, lane: str, tasks: int) -> None:
        """See Observer."""

    def queue_wait(self, lane: str, seconds: float) -> None:
        """See Observer."""

    def step_time(self, model: str, seconds: float) -> None:
        """See Observer."""

    def task_ended(self, model: str, outcome: str, seconds: float) -> None:
        """See Observer."""

    def provider_error(self, lane: str, code: str) -> None:
        """See Observer."""
