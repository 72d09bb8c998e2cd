"""Every metric of the operator, under controller-runtime's names where it has one, so that existing dashboards work.

Names and buckets follow sigs.k8s.io/controller-runtime `pkg/internal/controller/metrics`, `pkg/metrics/workqueue.go`
and client-go's `tools/metrics`. New are those that show what a watch-based cache can hide: watch age and lists, cache
size, resyncs, and drift.
"""

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_RECONCILE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0,
                      1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60)  # fmt: skip
_QUEUE_BUCKETS = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 5, 10, 50, 100, 500, 1000)
_COMPILE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_WEBHOOK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)
_REQUEST_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)

RESULTS = ("success", "requeue_after", "error", "panic")
"""How a reconcile can end."""


class Metrics:
    """All metrics, registered in one registry.

    Args:
        registry: where they are registered; a second instance needs a second registry.
    """

    def __init__(self, registry: CollectorRegistry):
        self.registry = registry
        self.reconciles = Counter(
            "controller_runtime_reconcile",
            "Reconciliations, by result: success, requeue_after (to be looked at again), error, panic (a defect of ours).",
            ["controller", "result"],
            registry=registry,
        )
        self.reconcile_errors = Counter(
            "controller_runtime_reconcile_errors", "Reconciliations that failed.", ["controller"], registry=registry
        )
        self.reconcile_panics = Counter(
            "controller_runtime_reconcile_panics",
            "Reconciliations that ended by a defect of ours; the log has the traceback.",
            ["controller"],
            registry=registry,
        )
        self.reconcile_seconds = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "How long a reconciliation took.",
            ["controller"],
            buckets=_RECONCILE_BUCKETS,
            registry=registry,
        )
        self.active_workers = Gauge(
            "controller_runtime_active_workers", "Keys being worked on now.", ["controller"], registry=registry
        )
        self.queue_depth = Gauge("workqueue_depth", "Keys waiting.", ["name", "controller"], registry=registry)
        self.queue_adds = Counter("workqueue_adds", "Keys put in.", ["name", "controller"], registry=registry)
        self.queue_wait_seconds = Histogram(
            "workqueue_queue_duration_seconds",
            "How long a key waited before work on it began.",
            ["name", "controller"],
            buckets=_QUEUE_BUCKETS,
            registry=registry,
        )
        self.queue_work_seconds = Histogram(
            "workqueue_work_duration_seconds",
            "How long work on a key took.",
            ["name", "controller"],
            buckets=_QUEUE_BUCKETS,
            registry=registry,
        )
        self.queue_retries = Counter(
            "workqueue_retries", "Keys put in again after a failure.", ["name", "controller"], registry=registry
        )
        self.queue_unfinished_seconds = Gauge(
            "workqueue_unfinished_work_seconds",
            "Seconds that work which is not over has taken so far, in all.",
            ["name", "controller"],
            registry=registry,
        )
        self.queue_longest_seconds = Gauge(
            "workqueue_longest_running_processor_seconds",
            "Seconds that the longest work which is not over has taken so far.",
            ["name", "controller"],
            registry=registry,
        )
        self.missing_rights = Gauge(
            "missing_rights",
            "In how many places the operator lacks a right that it needs there: namespaces, or all namespaces as one.",
            ["verb", "group", "resource"],
            registry=registry,
        )
        self.requests = Counter(
            "rest_client_requests",
            "Requests to the API server, by HTTP status (<error> when there was no answer) and method.",
            ["code", "method"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "rest_client_request_duration_seconds",
            "Time until the API server began to answer.",
            ["verb"],
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        self.leader = Gauge(
            "leader_election_master_status", "1 while this replica may write.", ["name"], registry=registry
        )
        self.watch_age = Gauge(
            "watch_last_event_age_seconds",
            "Time since a watch last brought anything, the API server's bookmarks (about one a minute) included.",
            ["kind"],
            registry=registry,
        )
        self.watches_running = Gauge(
            "watches_running",
            "Watches that hold a stream now; each namespace has its own.",
            ["kind"],
            registry=registry,
        )
        self.watches = Gauge(
            "watches",
            "Watches that are to hold a stream: those of kinds that the API server knows, and of ours.",
            ["kind"],
            registry=registry,
        )
        self.watch_lists = Counter(
            "watch_lists",
            "Lists with which a watch began: one at the start, and one after each stream that could not be continued.",
            ["kind"],
            registry=registry,
        )
        self.watch_streams = Counter(
            "watch_streams",
            "Streams that a watch has begun: one at the start, and one after each that ended.",
            ["kind"],
            registry=registry,
        )
        self.cache_objects = Gauge("cache_objects", "Objects in the cache.", ["kind"], registry=registry)
        self.stalled = Gauge(
            "stalled_resources",
            "Resources about which a person must do something, by the reason that their status gives.",
            ["kind", "reason"],
            registry=registry,
        )
        self.resyncs = Counter(
            "resyncs",
            "Listings that compared the caches with what exists, by result: success, error.",
            ["result"],
            registry=registry,
        )
        self.compile_seconds = Histogram(
            "compile_seconds",
            "How long it took to compile, check and spell a resource.",
            ["kind"],
            buckets=_COMPILE_BUCKETS,
            registry=registry,
        )
        self.observe_seconds = Histogram(
            "backend_observe_seconds",
            "How long a look at a backend took, for all resources together.",
            ["backend"],
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        self.observed = Gauge(
            "backend_resources",
            "Resources by what the backend said of them at the last look: loaded, missing, unhealthy, unreachable.",
            ["backend", "liveness"],
            registry=registry,
        )
        for result in ("success", "error"):
            self.resyncs.labels(result)
        self.drift = Counter(
            "resync_drift",
            "Objects of ours that others changed or deleted, and what a resync found and no event had told: ghost, missed.",
            ["kind", "what"],
            registry=registry,
        )

    def queue(self, name: str) -> "QueueMetrics":
        """Return the metrics of one queue, its labels bound; all series exist from the start."""
        return QueueMetrics(
            depth=self.queue_depth.labels(name, name),
            adds=self.queue_adds.labels(name, name),
            wait_seconds=self.queue_wait_seconds.labels(name, name),
            work_seconds=self.queue_work_seconds.labels(name, name),
            retries=self.queue_retries.labels(name, name),
            unfinished_seconds=self.queue_unfinished_seconds.labels(name, name),
            longest_seconds=self.queue_longest_seconds.labels(name, name),
        )

    def begin_controllers(self, names: Iterable[str]) -> None:
        """Show the failures of these controllers from the start: a rate misses the first one of a series that appears with it."""
        for name in names:
            self.reconcile_errors.labels(name)
            self.reconcile_panics.labels(name)
            for result in RESULTS:
                self.reconciles.labels(name, result)

    @contextmanager
    def reconciling(self, controller: str) -> Iterator["Outcome"]:
        """Count one reconcile; the caller notes in the yielded outcome how it ended."""
        outcome = Outcome()
        active = self.active_workers.labels(controller)
        active.inc()
        started = time.perf_counter()
        try:
            yield outcome
        finally:
            active.dec()
            self.reconcile_seconds.labels(controller).observe(time.perf_counter() - started)
            self.reconciles.labels(controller, outcome.result).inc()
            if outcome.result in ("error", "panic"):
                self.reconcile_errors.labels(controller).inc()
            if outcome.result == "panic":
                self.reconcile_panics.labels(controller).inc()

    def request(self, method: str, code: str, seconds: float) -> None:
        """Count one request to the API server."""
        self.requests.labels(code, method).inc()
        self.request_seconds.labels(method).observe(seconds)


@dataclass(slots=True)
class Outcome:
    """How one reconcile ended; `success` unless `failed` said otherwise."""

    result: str = "success"

    def failed(self, result: str) -> None:
        """Note another end, one of `RESULTS`."""
        self.result = result


@dataclass(frozen=True, slots=True)
class QueueMetrics:
    """The `workqueue_*` metrics of one queue."""

    depth: Gauge
    adds: Counter
    wait_seconds: Histogram
    work_seconds: Histogram
    retries: Counter
    unfinished_seconds: Gauge
    longest_seconds: Gauge


class WebhookVerdict(StrEnum):
    """What the webhook says of a resource."""

    ALLOWED = "allowed"
    WARNED = "warned"
    DENIED = "denied"
    UNCHECKED = "unchecked"


class WebhookMetrics:
    """The metrics of the validating webhook: where it is off too, and then they stay at zero.

    So who watches the operator need not know whether it is on to tell a metric that is missing from one of which there is nothing.

    Names follow controller-runtime's `pkg/webhook/internal/metrics` and `pkg/certwatcher/metrics`.

    Args:
        registry: where they are registered.
    """

    def __init__(self, registry: CollectorRegistry):
        self.requests = Counter(
            "controller_runtime_webhook_requests",
            "Calls of the webhook, by HTTP status.",
            ["webhook", "code"],
            registry=registry,
        )
        self.in_flight = Gauge(
            "controller_runtime_webhook_requests_in_flight",
            "Calls of the webhook that are being answered now.",
            ["webhook"],
            registry=registry,
        )
        self.seconds = Histogram(
            "controller_runtime_webhook_latency_seconds",
            "How long the webhook took to answer.",
            ["webhook"],
            buckets=_WEBHOOK_BUCKETS,
            registry=registry,
        )
        self.verdicts = Counter(
            "webhook_verdicts",
            "Resources by what the webhook said of them: allowed, warned, denied, unchecked (no time, or a defect of ours).",
            ["kind", "verdict"],
            registry=registry,
        )
        self.certificates = Counter(
            "certwatcher_read_certificate",
            "Times that the webhook's certificate was read because its files had changed.",
            registry=registry,
        )
        self.certificate_errors = Counter(
            "certwatcher_read_certificate_errors",
            "Times that the files could not be used, and the certificate before stayed.",
            registry=registry,
        )
        self.certificate_not_after = Gauge(
            "webhook_certificate_not_after_seconds",
            "When the certificate that the webhook shows ends, in seconds since 1970; not a number while it shows none.",
            registry=registry,
        )
        self.certificate_not_after.set(math.nan)

    def begin(self, path: str, kinds: Iterable[str]) -> None:
        """Show the series of a path and of kinds from the start."""
        self.in_flight.labels(path)
        self.seconds.labels(path)
        self.requests.labels(path, "200")
        for kind in kinds:
            for verdict in WebhookVerdict:
                self.verdicts.labels(kind, verdict)
