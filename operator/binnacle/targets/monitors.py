"""What is scraped in the words of prometheus-operator: PodMonitor, ServiceMonitor and Probe."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from binnacle.api.values import Duration
from binnacle.errors import SpecError
from binnacle.intent import series
from binnacle.intent.probe import Part, Probing, Region
from binnacle.intent.refs import Key
from binnacle.intent.routing import SecretFile
from binnacle.intent.scrape import Endpoint
from binnacle.targets import conventions, scrapejobs
from binnacle.targets.base import Resource

API: Final = conventions.MONITORING_API
RESOURCES: Final = (
    Resource(API, "PodMonitor", "podmonitors"),
    Resource(API, "ServiceMonitor", "servicemonitors"),
    Resource(API, "Probe", "probes"),
)
_CAPITAL: Final = re.compile("_([a-z])")


@dataclass(frozen=True, slots=True)
class Monitor:
    """One object, without its metadata but for the name."""

    kind: str
    name: str
    spec: Mapping[str, Any]
    purpose: str

    def marks(self, owner: Key) -> tuple[str, ...]:
        """Return the scrape pools that prometheus-operator makes of it (pkg/prometheus/promcfg.go)."""
        pool = f"{self.kind[0].lower()}{self.kind[1:]}/{owner.namespace}/{self.name}"
        if self.kind == "Probe":
            return (conventions.scrape_mark(pool),)
        endpoints = self.spec.get("endpoints") or self.spec.get("podMetricsEndpoints") or ()
        return tuple(conventions.scrape_mark(f"{pool}/{number}") for number in range(len(endpoints)))


def bodies(endpoints: Sequence[Endpoint], probes: Sequence[Probing], owner: Key) -> tuple[Monitor, ...]:
    """Return the objects of a resource: one for its endpoints, and one for each probe, region and part of an answer."""
    found = [_monitor(endpoints, owner)] if endpoints else []
    found += [
        _probe(probe, region, part, owner) for probe in probes for region in probe.regions for part in probe.parts
    ]
    return tuple(found)


def _monitor(endpoints: Sequence[Endpoint], owner: Key) -> Monitor:
    services = endpoints[0].services
    spec = {
        "selector": {"matchLabels": dict(endpoints[0].match)},
        "endpoints" if services else "podMetricsEndpoints": [_endpoint(one, owner) for one in endpoints],
    }
    kind = "ServiceMonitor" if services else "PodMonitor"
    return Monitor(kind, conventions.object_name(owner, owner.namespace), spec, "scraping")


def _endpoint(endpoint: Endpoint, owner: Key) -> dict[str, Any]:
    number = "targetPort" if endpoint.services else "portNumber"
    body: dict[str, Any] = {
        "port" if isinstance(endpoint.port, str) else number: endpoint.port,
        "path": endpoint.path,
        "scheme": endpoint.scheme,
        "interval": str(Duration(endpoint.interval_ms)),
        "scrapeTimeout": str(Duration(endpoint.timeout_ms)),
    }
    if endpoint.honor_labels:
        body["honorLabels"] = True
    if endpoint.params:
        body["params"] = {name: list(values) for name, values in endpoint.params}
    if endpoint.auth is not None:
        if not isinstance(endpoint.auth, SecretFile):
            raise SpecError("prometheus-operator takes a user name from a Secret only.", path="spec.scrape")
        credentials = {"name": endpoint.auth.secret, "key": endpoint.auth.key}
        body["authorization"] = {"type": "Bearer", "credentials": credentials}
    job = series.job(owner.namespace, owner.name, endpoint.item)
    body["relabelings"] = [
        _camel(one)
        for one in (
            # It also sets these two, which often are names of the application's own labels.
            {"regex": "endpoint|service", "action": "labeldrop"},
            *scrapejobs.labels_set(endpoint),
            {"target_label": "job", "replacement": job},
        )
    ]
    body["metricRelabelings"] = [_camel(one) for one in scrapejobs.fences(owner, endpoint)]
    return body


def _probe(probe: Probing, region: Region, part: Part, owner: Key) -> Monitor:
    spec = {
        "jobName": series.job(owner.namespace, owner.name, probe.item),
        "prober": {"url": region.address, "scheme": "http", "path": scrapejobs.PROBE_PATH},
        "module": scrapejobs.module_name(owner, probe, part),
        "interval": str(Duration(probe.interval_ms)),
        "scrapeTimeout": str(Duration(scrapejobs.scrape_timeout_ms(probe))),
        "targets": {
            "staticConfig": {
                "static": [probe.url],
                "labels": scrapejobs.probe_labels(probe, part, region.name),
            }
        },
    }
    name = conventions.part_name(owner, probe.item, region.name, part.item)
    return Monitor("Probe", name, spec, f"probing {probe.item}")


def _camel(relabel: Mapping[str, Any]) -> dict[str, Any]:
    return {_CAPITAL.sub(lambda found: found[1].upper(), name): value for name, value in relabel.items()}
