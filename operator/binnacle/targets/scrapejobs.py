"""Jobs as Prometheus' own configuration has them: endpoints found by labels of pods or services, and probes.

What a team scrapes can neither pass for another's nor for Binnacle's own: discovery stays in the team's namespace, the label
`namespace` is set after everything that the target says, and names that are ours are dropped.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from binnacle.api.config import Config
from binnacle.api.labels import IDENTITY_LABELS, IDENTITY_PREFIX, RESERVED_SERIES, RESERVED_SERIES_PREFIXES
from binnacle.api.values import Duration
from binnacle.intent import series
from binnacle.intent.probe import Part, Probing
from binnacle.intent.refs import Key
from binnacle.intent.routing import SecretFile
from binnacle.intent.scrape import Auth, Endpoint
from binnacle.targets import conventions
from binnacle.targets.yamltext import document

Job = Mapping[str, Any]
Relabel = dict[str, Any]

PROBE_PATH: Final = "/probe"
_PROBER: Final = "__tmp_prober"
_GRACE_MS: Final = 1000
"""A prober gives up half a second before the scrape does; with this it has the time that was asked for."""


def text_of(jobs: Iterable[Job], about: str) -> str:
    """Return jobs as a file for `scrape_config_files`, which is also a part of prometheus.yml."""
    return f"# {about}, written by Binnacle: change the resource, not this file.\n" + document(
        {"scrape_configs": list(jobs)}
    )


def endpoint_job(endpoint: Endpoint, owner: Key, config: Config) -> Job:
    """Return the job that scrapes an endpoint."""
    job: dict[str, Any] = {
        "job_name": series.job(owner.namespace, owner.name, endpoint.item),
        "scrape_interval": str(Duration(endpoint.interval_ms)),
        "scrape_timeout": str(Duration(endpoint.timeout_ms)),
        "metrics_path": endpoint.path,
        "scheme": endpoint.scheme,
    }
    if endpoint.honor_labels:
        job["honor_labels"] = True
    if endpoint.params:
        job["params"] = {name: list(values) for name, values in endpoint.params}
    if endpoint.auth is not None:
        job |= _auth(endpoint.auth, owner, config)
    role = "endpointslice" if endpoint.services else "pod"
    job["kubernetes_sd_configs"] = [{"role": role, "namespaces": {"names": [owner.namespace]}}]
    job["relabel_configs"] = [
        *(_chosen(endpoint)),
        *labels_set(endpoint),
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
        {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
        {"source_labels": ["__meta_kubernetes_pod_container_name"], "target_label": "container"},
    ]
    job["metric_relabel_configs"] = fences(owner, endpoint)
    return job


def labels_set(endpoint: Endpoint) -> list[Relabel]:
    """Return the relabelling that puts the resource's labels on a target."""
    return [{"target_label": name, "replacement": literal(value)} for name, value in endpoint.labels]


def fences(owner: Key, endpoint: Endpoint) -> list[Relabel]:
    """Return the relabelling of scraped series by which no team passes for another, or for Binnacle."""
    series_of_others = "|".join((*RESERVED_SERIES, *(f"{prefix}.*" for prefix in RESERVED_SERIES_PREFIXES)))
    labels_of_others = "|".join((*IDENTITY_LABELS, f"{IDENTITY_PREFIX}.*"))
    return [
        {"source_labels": ["__name__"], "regex": series_of_others, "action": "drop"},
        {"regex": labels_of_others, "action": "labeldrop"},
        {"target_label": "namespace", "replacement": owner.namespace},
        *({"target_label": name, "replacement": literal(value)} for name, value in endpoint.lasting),
    ]


def literal(value: str) -> str:
    """Return a text as a `replacement` that stands for itself (Go's `Regexp.Expand`)."""
    return value.replace("$", "$$")


def _chosen(endpoint: Endpoint) -> list[Relabel]:
    """Return the relabelling that keeps the targets that are meant, of all that the namespace has."""
    what = "service" if endpoint.services else "pod"
    kept: list[Relabel] = []
    for name, value in endpoint.match:
        known = "".join(one if one.isalnum() else "_" for one in name)
        kept.append(
            {
                "source_labels": [f"__meta_kubernetes_{what}_label_{known}"],
                "regex": value.replace(".", r"\."),
                "action": "keep",
            }
        )
        if not value:
            present = f"__meta_kubernetes_{what}_labelpresent_{known}"
            kept.append({"source_labels": [present], "regex": "true", "action": "keep"})
    number = isinstance(endpoint.port, int)
    if endpoint.services:
        port = "__meta_kubernetes_endpointslice_port" + ("" if number else "_name")
    else:
        port = "__meta_kubernetes_pod_container_port_" + ("number" if number else "name")
    kept.append({"source_labels": [port], "regex": str(endpoint.port), "action": "keep"})
    kept.append({"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "Failed|Succeeded", "action": "drop"})
    return kept


def probe_job(probe: Probing, owner: Key) -> Job:
    """Return the job that asks for a probe's URL from everywhere, once for each part."""
    configs = [
        {
            "targets": [probe.url],
            "labels": {
                **probe_labels(probe, part, region.name),
                "namespace": owner.namespace,
                _PROBER: region.address,
                "__param_module": module_name(owner, probe, part),
            },
        }
        for region in probe.regions
        for part in probe.parts
    ]
    return {
        "job_name": series.job(owner.namespace, owner.name, probe.item),
        "scrape_interval": str(Duration(probe.interval_ms)),
        "scrape_timeout": str(Duration(scrape_timeout_ms(probe))),
        "metrics_path": PROBE_PATH,
        "scheme": "http",
        "static_configs": configs,
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__address__"], "target_label": "instance"},
            {"source_labels": [_PROBER], "target_label": "__address__"},
        ],
    }


def scrape_timeout_ms(probe: Probing) -> int:
    """Return how long Prometheus waits for a prober."""
    return min(probe.interval_ms, probe.timeout_ms + _GRACE_MS)


def probe_labels(probe: Probing, part: Part, region: str) -> dict[str, str]:
    """Return the labels that say what a probe's series are about."""
    item = {series.ITEM: part.item} if part.item else {}
    return {**dict(probe.labels), series.PROBE: probe.item, series.REGION: region, **item}


def module_name(owner: Key, probe: Probing, part: Part) -> str:
    """Return the name of the prober's module for a part of a probe."""
    whole = series.job(owner.namespace, owner.name, probe.item)
    return f"{whole}/{part.item}" if part.item else whole


def _auth(auth: Auth, owner: Key, config: Config) -> dict[str, Any]:
    def file(secret: SecretFile) -> str:
        return conventions.secret_file(config.secrets.root, owner.namespace, secret.secret, secret.key)

    if isinstance(auth, SecretFile):
        return {"authorization": {"type": "Bearer", "credentials_file": file(auth)}}
    return {"basic_auth": {"username": auth.username, "password_file": file(auth.password)}}
