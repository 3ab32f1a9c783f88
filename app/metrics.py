"""What is counted, for Prometheus. Implements the observers of the executor and of the GraphQL transports.

Names begin with `likeness_`, times are seconds. Labels are closed sets: lanes, model keys, outcomes, codes.
"""

from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
STEPS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LONG = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)


class Metrics:
    """One registry; `before_scrape`, when given, runs before every page and may set gauges."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.before_scrape: Callable[[], Awaitable[None]] | None = None
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._queue_depth = Gauge(
            "likeness_queue_depth", "Tasks that wait in a lane.", ["lane"], registry=self.registry
        )
        self._queue_wait = self._histogram(
            "likeness_queue_wait_seconds", "From enqueue to claim.", LONG, "lane"
        )
        self._steps = self._histogram("likeness_step_seconds", "Between two steps of a run.", STEPS, "model")
        self._runs = self._histogram(
            "likeness_job_seconds", "From claim to the end of a run.", LONG, "model", "outcome"
        )
        self._errors = Counter(
            "likeness_provider_errors", "Failed runs.", ["lane", "code"], registry=self.registry
        )
        self._open = Gauge(
            "likeness_subscriptions_open", "Streams that are open.", ["transport"], registry=self.registry
        )
        self._operations = self._histogram(
            "likeness_operation_seconds", "Queries and mutations.", SHORT, "kind", "outcome"
        )
        self._bytes = Gauge(
            "likeness_bytes_stored", "Bytes of pictures that are kept.", registry=self.registry
        )
        for transport in ("websocket", "sse", "multipart", "events"):
            self._open.labels(transport)

    async def page(self) -> bytes:
        """The text that Prometheus reads."""
        if self.before_scrape is not None:
            await self.before_scrape()
        return generate_latest(self.registry)

    def queue_depth(self, lane: str, tasks: int) -> None:
        """See executor.metrics.Observer."""
        self._queue_depth.labels(lane).set(tasks)

    def queue_wait(self, lane: str, seconds: float) -> None:
        """See executor.metrics.Observer."""
        self._queue_wait.labels(lane).observe(seconds)

    def step_time(self, model: str, seconds: float) -> None:
        """See executor.metrics.Observer."""
        self._steps.labels(model).observe(seconds)

    def task_ended(self, model: str, outcome: str, seconds: float) -> None:
        """See executor.metrics.Observer."""
        self._runs.labels(model, outcome).observe(seconds)

    def provider_error(self, lane: str, code: str) -> None:
        """See executor.metrics.Observer."""
        self._errors.labels(lane, code).inc()

    def subscription_opened(self, transport: str) -> None:
        """See app.graphql.wiring.Observer."""
        self._open.labels(transport).inc()

    def subscription_closed(self, transport: str) -> None:
        """See app.graphql.wiring.Observer."""
        self._open.labels(transport).dec()

    def operation_ended(self, kind: str, outcome: str, seconds: float) -> None:
        """See app.graphql.wiring.Observer."""
        self._operations.labels(kind, outcome).observe(seconds)

    def bytes_stored(self, total: int) -> None:
        """So many bytes of pictures are kept."""
        self._bytes.set(total)

    def _histogram(self, name: str, words: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, words, labels, buckets=buckets, registry=self.registry)
