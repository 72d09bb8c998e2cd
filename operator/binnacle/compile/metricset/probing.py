"""The items of `probes` as probes: where they are asked from, and what their answers must be."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from binnacle.api.config import Config
from binnacle.api.findings import Finding, Severity
from binnacle.api.metricset import MetricSet
from binnacle.api.metricset_probe import Method, Probe
from binnacle.api.reasons import Reason
from binnacle.api.values import Duration
from binnacle.compile.metricset import address, body
from binnacle.intent.probe import Part, Probing, Region
from binnacle.intent.routing import SecretFile
from binnacle.intent.rules import pairs
from binnacle.intent.scrape import BasicAuth

_TIMEOUT: Final = Duration.of(seconds=5)


def probes(
    metric_set: MetricSet, labels: Mapping[str, str], config: Config
) -> tuple[tuple[Probing, ...], list[Finding]]:
    """Return the probes, and why others are left out.

    Args:
        metric_set: the resource.
        labels: put on every series.
        config: which probers there are, and which addresses may be asked.
    """
    found: list[Probing] = []
    findings: list[Finding] = []
    for probe in metric_set.spec.probes:
        made, problems = _probe(probe, f"spec.probes[{probe.name}]", labels, config)
        findings += problems
        if made is not None:
            found.append(made)
    return tuple(found), findings


def _probe(probe: Probe, path: str, labels: Mapping[str, str], config: Config) -> tuple[Probing | None, list[Finding]]:
    interval = probe.interval or config.prometheus.scrape_interval
    regions, findings = _regions(probe, path, config.probers)
    wrong = [*_refused(probe, path, config), *_unusable(probe, path, interval)]
    if wrong or not regions:
        return None, [*findings, *wrong]
    auth = None
    if probe.auth is not None and probe.auth.basic is not None:
        password = probe.auth.basic.password.secret_ref
        auth = BasicAuth(probe.auth.basic.username, SecretFile(password.name, password.key))
    expect = probe.expect
    whole = Part(body=(expect.body_matches,) if expect.body_matches is not None else ())
    parts = (Part(item.name, (body.json_pattern(item.path, item.equals),)) for item in expect.json_items)
    made = Probing(
        item=probe.name,
        url=probe.url,
        method=probe.method.value,
        interval_ms=interval.ms,
        timeout_ms=(probe.timeout or min(_TIMEOUT, interval)).ms,
        regions=regions,
        parts=(whole, *parts),
        status=tuple(sorted(expect.status)),
        auth=auth,
        labels=pairs(dict(labels)),
    )
    return made, findings


def _refused(probe: Probe, path: str, config: Config) -> list[Finding]:
    why = address.problem(probe.url, private_allowed=config.allow.private_probe_targets)
    if why is None:
        return []
    host = urlsplit(probe.url).netloc
    fix = "Probe an address that is reached from outside."
    if "private" in why:
        fix = "Probe an address that is reached from outside, or have the administrator set allow.privateProbeTargets."
    message = f"{host} {why}, which probes may not ask."
    return [Finding(Severity.ERROR, Reason.PROBE_TARGET_REFUSED, f"{path}.url", message, fix)]


def _unusable(probe: Probe, path: str, interval: Duration) -> list[Finding]:
    def no(field: str, message: str, fix: str) -> Finding:
        return Finding(Severity.ERROR, Reason.INVALID_VALUE, f"{path}.{field}", message, fix)

    found = []
    expect = probe.expect
    if probe.timeout is not None and probe.timeout > interval:
        message = f"The timeout {probe.timeout} is longer than the interval, {interval}: Prometheus takes no such job."
        found.append(no("timeout", message, f"Choose a timeout of at most {interval}, or a longer interval."))
    if probe.method is Method.HEAD and (expect.body_matches is not None or expect.json_items):
        found.append(no("method", "An answer to HEAD has no body to look at.", "Use GET, or expect a status only."))
    wrong = body.problem(expect.body_matches) if expect.body_matches is not None else None
    if wrong is not None:
        found.append(no("expect.bodyMatches", f"This is no regular expression: {wrong}.", "Write one as RE2 knows it."))
    return found


def _regions(probe: Probe, path: str, probers: Mapping[str, str]) -> tuple[tuple[Region, ...], list[Finding]]:
    if not probers:
        message = "The administrator runs no probers, so nobody asks."
        fix = "Have the administrator name some in probers: {region: address}."
        return (), [Finding(Severity.ERROR, Reason.BACKEND_NOT_CONFIGURED, path, message, fix)]
    known = ", ".join(sorted(probers))
    findings = [
        Finding(
            Severity.ERROR,
            Reason.UNKNOWN_REFERENCE,
            f"{path}.regions",
            f"There is no prober in the region {name}.",
            f"Choose among {known}.",
        )
        for name in probe.regions
        if name not in probers
    ]
    wanted = sorted(name for name in probe.regions or probers if name in probers)
    return tuple(Region(name, probers[name]) for name in wanted), findings
