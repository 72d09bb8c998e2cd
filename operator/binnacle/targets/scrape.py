"""What Prometheus scrapes: objects of prometheus-operator where it runs, jobs in shared ConfigMaps, or one plain file.

Where prometheus-operator runs, a PodMonitor or ServiceMonitor and Probes lie beside the resource. Elsewhere each resource has
a file in ConfigMaps in Prometheus' namespace, to be read by `scrape_config_files` (Prometheus 2.43 and newer). In a folder all
jobs are in one file, which an older Prometheus can have in its prometheus.yml.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from binnacle.api.config import Config, RuleOutput
from binnacle.intent.base import Intent
from binnacle.intent.probe import Probes, Probing
from binnacle.intent.refs import Key, ObjectRef
from binnacle.intent.scrape import Endpoint, Scraping
from binnacle.targets import conventions, monitors, scrapejobs
from binnacle.targets.base import AggregateKey, File, Output, Owner, Resource, Share
from binnacle.targets.datakeys import DataKeys, KeyedTarget
from binnacle.targets.scrapejobs import Job

_PURPOSE: Final = "scrape jobs"
_FILES: Final = DataKeys("scrape", _PURPOSE)
_PATH: Final = "prometheus/scrape.yaml"
_TOP: Final = "scrape_configs:"
_HEADER: Final = f"# Written by Binnacle: change the resources, not this file.\n{_TOP}\n"
_FENCE: Final = re.compile(
    r"^(# ([A-Za-z]+) ([a-z0-9-]+)/([a-z0-9-]+), written by Binnacle: [^\n]*)\n", re.MULTILINE | re.ASCII
)


class Scrape(KeyedTarget):
    """Target: what Prometheus scrapes."""

    name = _FILES.target
    keys = _FILES
    backend = "prometheus"
    spells: tuple[type[Intent], ...] = (Scraping, Probes)

    def resources(self, config: Config) -> tuple[Resource, ...]:
        """Return the kinds of objects that say what is scraped: all, because after a switch the other's must be taken away."""
        return (*monitors.RESOURCES, Resource("v1", "ConfigMap", "configmaps", config.prometheus.namespace))

    def metadata_keys(self, config: Config) -> tuple[frozenset[str], frozenset[str]]:
        """Return the administrator's labels, by which Prometheus selects the objects."""
        return frozenset(config.prometheus.rule_labels), frozenset()

    def render(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[Output | Share, ...]:
        """Spell what a resource wants scraped; nothing when that is nothing.

        Raises:
            SpecError: `OutputTooLarge`, the jobs of this one resource do not fit an object.
        """
        if config.prometheus.output is not RuleOutput.OPERATOR:
            return self._share(intents, owner, config)
        bodies = monitors.bodies(_endpoints(intents), _probes(intents), owner.key)
        return tuple(_output(body, owner, config) for body in bodies)

    def spell(self, aggregate: AggregateKey, shard: int, shares: Mapping[Key, str], config: Config) -> Output:
        """Build one of the ConfigMaps that hold files."""
        return _FILES.spell(aggregate, shard, shares, config.instance, config.prometheus.rule_labels)

    def files(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[File | Share, ...]:
        """Spell the same for a folder: a share of the one file."""
        return self._share(intents, owner, config)

    def assemble_files(self, aggregate: AggregateKey, shares: Mapping[Key, str], config: Config) -> tuple[File, ...]:  # noqa: ARG002 - the protocol's shape
        """Build the one file."""
        jobs = [_without_top(shares[key]) for key in sorted(shares)]
        return (File(_PATH, _HEADER + "".join(jobs), None),) if jobs else ()

    def split_file(self, path: str, text: str, config: Config) -> tuple[Share, ...]:
        """Take the one file apart into the jobs of each resource."""
        if path != _PATH:
            return ()
        aggregate = AggregateKey(self.name, config.prometheus.namespace)
        # What people wrote is indented or on the line of its field, so that only we begin a line like this.
        _, *parts = _FENCE.split(text)
        return tuple(
            Share(aggregate, Key(kind, namespace, name), f"{about}\n{_TOP}\n{jobs}", _PURPOSE)
            for about, kind, namespace, name, jobs in zip(*(iter(parts),) * 5, strict=True)
        )

    def _share(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[Share, ...]:
        key = owner.key
        jobs: list[Job] = [scrapejobs.endpoint_job(one, key, config) for one in _endpoints(intents)]
        jobs += [scrapejobs.probe_job(one, key) for one in _probes(intents)]
        if not jobs:
            return ()
        text = _FILES.checked(scrapejobs.text_of(jobs, f"{key.kind} {key.namespace}/{key.name}"), key)
        marks = tuple(conventions.scrape_mark(job["job_name"]) for job in jobs)
        return (Share(AggregateKey(self.name, config.prometheus.namespace), key, text, _PURPOSE, marks),)


def _endpoints(intents: Sequence[Intent]) -> tuple[Endpoint, ...]:
    return tuple(one for intent in intents if isinstance(intent, Scraping) for one in intent.endpoints)


def _probes(intents: Sequence[Intent]) -> tuple[Probing, ...]:
    return tuple(one for intent in intents if isinstance(intent, Probes) for one in intent.probes)


def _without_top(text: str) -> str:
    """Return the jobs of a file without the line that names their list."""
    about, _, rest = text.partition("\n")
    _, _, jobs = rest.partition("\n")
    return f"{about}\n{jobs}"


def _output(body: monitors.Monitor, owner: Owner, config: Config) -> Output:
    key = owner.key
    metadata: dict[str, Any] = {
        "name": body.name,
        "namespace": key.namespace,
        "labels": {**config.prometheus.rule_labels, **conventions.owner_labels(key, config.instance)},
    }
    if owner.uid:
        metadata["ownerReferences"] = [conventions.owner_reference(key, owner.uid)]
    whole = {"apiVersion": monitors.API, "kind": body.kind, "metadata": metadata, "spec": body.spec}
    ref = ObjectRef(monitors.API, body.kind, key.namespace, body.name)
    return Output(ref, conventions.with_hash(whole), key, body.purpose, body.marks(key))
