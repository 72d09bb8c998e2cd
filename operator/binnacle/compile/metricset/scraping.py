"""The items of `scrape` as endpoints."""

from collections.abc import Mapping
from typing import Final

from binnacle.api.config import PrometheusConfig, RuleOutput
from binnacle.api.findings import Finding, Severity
from binnacle.api.metricset import MetricSet, Target, TargetKind
from binnacle.api.metricset_scrape import Scrape, ScrapeAuth
from binnacle.api.reasons import Reason
from binnacle.api.values import Duration
from binnacle.intent.routing import SecretFile
from binnacle.intent.rules import pairs
from binnacle.intent.scrape import Auth, BasicAuth, Endpoint

_TIMEOUT: Final = Duration.of(seconds=10)
"""Prometheus' own default."""


def endpoints(
    metric_set: MetricSet, labels: Mapping[str, str], prometheus: PrometheusConfig
) -> tuple[tuple[Endpoint, ...], list[Finding]]:
    """Return the endpoints that are scraped, and why others are left out.

    Args:
        metric_set: the resource.
        labels: put on every series.
        prometheus: its clocks, and what its configuration is written as.
    """
    target = metric_set.spec.target
    found: list[Endpoint] = []
    findings: list[Finding] = []
    if target is None:
        return (), []
    for item in metric_set.spec.scrape:
        path = f"spec.scrape[{item.name}]"
        problems = _problems(item, path, prometheus)
        findings += problems
        if not problems:
            found.append(_endpoint(item, target, labels, prometheus))
    return tuple(found), findings


def _problems(item: Scrape, path: str, prometheus: PrometheusConfig) -> list[Finding]:
    interval = item.interval or prometheus.scrape_interval
    if item.timeout is not None and item.timeout > interval:
        message = f"The timeout {item.timeout} is longer than the interval, {interval}: Prometheus takes no such job."
        fix = f"Choose a timeout of at most {interval}, or a longer interval."
        return [Finding(Severity.ERROR, Reason.INVALID_VALUE, f"{path}.timeout", message, fix)]
    basic = item.auth is not None and item.auth.basic is not None
    if basic and prometheus.output is RuleOutput.OPERATOR:
        message = "prometheus-operator takes a user name from a Secret only, so basic authentication cannot be written."
        fix = "Use a bearer token, or prometheus.output: configMap."
        return [Finding(Severity.ERROR, Reason.NOT_SUPPORTED, f"{path}.auth.basic", message, fix)]
    return []


def _endpoint(item: Scrape, target: Target, labels: Mapping[str, str], prometheus: PrometheusConfig) -> Endpoint:
    interval = item.interval or prometheus.scrape_interval
    port = item.port if item.port is not None else target.port
    if port is None:
        raise ValueError("the model sees to it that there is a port")
    return Endpoint(
        item=item.name,
        services=target.kind is TargetKind.SERVICE,
        match=pairs(target.selector.match_labels),
        port=port,
        path=item.path,
        scheme=item.scheme.value,
        interval_ms=interval.ms,
        timeout_ms=(item.timeout or min(_TIMEOUT, interval)).ms,
        honor_labels=item.honor_labels,
        params=tuple((param.name, param.values) for param in item.params),
        auth=_auth(item.auth),
        labels=pairs(dict(labels)),
    )


def _auth(auth: ScrapeAuth | None) -> Auth | None:
    if auth is None:
        return None
    if auth.bearer is not None:
        return SecretFile(auth.bearer.secret_ref.name, auth.bearer.secret_ref.key)
    if auth.basic is None:
        raise ValueError("an auth has one member")
    password = auth.basic.password.secret_ref
    return BasicAuth(auth.basic.username, SecretFile(password.name, password.key))
