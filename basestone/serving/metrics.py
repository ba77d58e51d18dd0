"""What Prometheus may ask: requests by status, times, batch sizes, doubtful samples, and whether it is stopped.

A registry of its own, so that two services in one process do not count for each other.
"""

from __future__ import annotations

from typing import Any

from basestone.core.errors import MissingExtra

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The counters of one service; ``page`` is what a scrape gets."""

    def __init__(self) -> None:
        """MissingExtra when prometheus-client is not installed."""
        try:
            from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
        except ImportError as error:
            raise MissingExtra("prometheus-client", "serve") from error
        self._registry = registry = CollectorRegistry()
        self.requests: Any = Counter(
            "basestone_requests_total", "Requests for inference", ["protocol", "status"], registry=registry
        )
        self.seconds: Any = Histogram(
            "basestone_request_seconds", "From a request's body to its answer", buckets=SECONDS, registry=registry
        )
        self.batches: Any = Histogram("basestone_batch_size", "Samples a batch", buckets=SIZES, registry=registry)
        self.samples: Any = Counter(
            "basestone_samples_total", "Samples by what became of them", ["outcome"], registry=registry
        )
        self.restarts: Any = Counter(
            "basestone_worker_restarts_total", "Replacements of the model's process", registry=registry
        )
        self.tokens: Any = Counter("basestone_tokens_total", "Tokens that were written", registry=registry)
        self.first_token: Any = Histogram(
            "basestone_first_token_seconds", "From a request to its first token", buckets=SECONDS, registry=registry
        )
        self.waiting: Any = Gauge("basestone_queue_samples", "Samples that wait", registry=registry)
        self.stopped: Any = Gauge("basestone_stopped", "1 while the stop switch is on", registry=registry)

    def answered(self, status: int, seconds: float, protocol: str = "rest") -> None:
        """One request for inference came to its end."""
        self.requests.labels(protocol, str(status)).inc()
        self.seconds.observe(seconds)

    def page(self) -> bytes:
        """The text exposition format."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)
