"""The administrator's configuration: defaults, and what is said of a mistake."""

from typing import Any

import pytest

from binnacle.api.config import Config, RuleOutput
from binnacle.api.crd import structural
from binnacle.api.values import Duration
from binnacle.errors import SpecError


def test_an_empty_configuration_works() -> None:
    config = Config.from_data({})
    assert config.instance == "default"
    assert config.namespaces == ()
    assert config.prometheus.namespace == "monitoring"
    assert config.prometheus.output is RuleOutput.AUTO
    assert config.prometheus.url is None
    assert config.prometheus.scrape_interval == config.prometheus.evaluation_interval == Duration.of(minutes=1)
    assert config.reload_period == Duration.of(minutes=2)


def test_everything_can_be_said() -> None:
    config = Config.from_data(
        {
            "instance": "blue",
            "namespaces": ["shop", "pay"],
            "reloadPeriod": "30s",
            "prometheus": {
                "url": "http://prometheus.monitoring:9090",
                "version": "2.42",
                "output": "configMap",
                "namespace": "prom",
                "ruleLabels": {"release": "kube-prometheus", "example.com/team": ""},
                "scrapeInterval": "15s",
                "evaluationInterval": "30s",
            },
        }
    )
    assert config.prometheus.output is RuleOutput.CONFIG_MAP
    assert config.prometheus.scrape_interval.ms == 15_000
    assert config.prometheus.rule_labels == {"release": "kube-prometheus", "example.com/team": ""}


@pytest.mark.parametrize(
    ("data", "path", "fix"),
    [
        ({"instanse": "x"}, "instanse", "Write instance."),
        ({"instance": "Blue"}, "instance", "lower-case"),
        ({"namespaces": "shop"}, "namespaces", "Write a list"),
        ({"namespaces": ["shop", "shop"]}, "namespaces[1]", "Leave one out"),
        ({"prometheus": {"scrapeInterval": 30}}, "prometheus.scrapeInterval", "with a unit"),
        ({"prometheus": {"scrapeInterval": "0s"}}, "prometheus.scrapeInterval", "from 1s to 10m"),
        ({"prometheus": {"url": "prometheus:9090"}}, "prometheus.url", "http://"),
        ({"prometheus": {"output": "configmap"}}, "prometheus.output", "Write configMap."),
        ({"prometheus": {"version": 2.42}}, "prometheus.version", "in quotes"),
        ({"prometheus": {"ruleLabels": {"-x": "y"}}}, "prometheus.ruleLabels.-x", "Kubernetes label"),
        ({"loki": {"url": "http://loki:3100/loki/api"}}, "loki.url", "scheme, host and port"),
        ({"elasticsearch": {"url": "https://user:pw@es:9200"}}, "elasticsearch.url", "scheme, host and port"),
        ({"fluentd": {"buffers": "/buffers/../etc"}}, "fluentd.buffers", "absolute path of plain names"),
        ({"fluentd": {"quarantine": "loki"}, "loki": {"url": None}}, "fluentd.quarantine", "Add loki.url"),
        ({"tenancy": {"allow": [{"namespace": "shop", "prefixes": []}]}}, "tenancy.allow[0].prefixes", "at least 1"),
        ({"prometheus": {"evaluation_interval": "1m"}}, "prometheus.evaluation_interval", "Write evaluationInterval."),
    ],
)
def test_a_mistake_is_named_with_path_and_fix(data: dict[str, Any], path: str, fix: str) -> None:
    with pytest.raises(SpecError) as error:
        Config.from_data(data)
    assert error.value.path == path
    assert fix in error.value.fix


def test_more_than_one_mistake_is_counted() -> None:
    with pytest.raises(SpecError, match="2 more"):
        Config.from_data({"a": 1, "b": 2, "c": 3})


def test_every_field_is_described_and_bounded() -> None:
    # The rules of a CRD are the rules we ask of every schema of ours; keys of object labels are checked by their type.
    schema = Config.model_json_schema()
    labels = schema["$defs"]["PrometheusConfig"]["properties"]["ruleLabels"]
    labels["additionalProperties"] = next(iter(labels.pop("patternProperties").values()))
    structural(schema)
