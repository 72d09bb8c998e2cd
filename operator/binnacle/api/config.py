"""The administrator's configuration: one schema for the operator and for commands that work on files.

It says where the backends are and what they are like; nothing in it is about one resource. Reading YAML is the caller's.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError

from binnacle.api.model import Items, Model
from binnacle.api.problems import findings_of
from binnacle.api.values import DnsLabel, Duration, HttpUrl, Shape, duration_between
from binnacle.errors import SpecError


class RuleOutput(StrEnum):
    """Where rules go in a cluster."""

    AUTO = "auto"
    OPERATOR = "operator"
    CONFIG_MAP = "configMap"


ObjectLabelName = Annotated[
    str,
    Shape(
        r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        "the name of a Kubernetes label, such as release or example.com/team",
        317,
    ),
]
ObjectLabelValue = Annotated[
    str,
    Shape(
        "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
        "the value of a Kubernetes label: letters, digits, and . _ - between them",
        63,
        0,
    ),
]


class PrometheusConfig(Model):
    """The Prometheus that evaluates the rules."""

    url: Annotated[
        HttpUrl | None,
        Field(
            description="Address of its HTTP API. Without it nothing is read back: no SLI in status, and Live stays Unknown."
        ),
    ] = None
    version: Annotated[
        Annotated[str, Shape(r"^[0-9]{1,4}\.[0-9]{1,4}(\.[0-9]{1,4})?$", "a version such as 2.42 or 3.5.0", 16)] | None,
        Field(description="Its version, such as 2.42 or 3.5.0; asked of the server at url when absent."),
    ] = None
    output: Annotated[
        RuleOutput,
        Field(
            description="Where rules go: operator (PrometheusRule objects), configMap (ConfigMaps that hold rule files), or auto: "
            "PrometheusRule where the cluster has that kind."
        ),
    ] = RuleOutput.AUTO
    namespace: Annotated[DnsLabel, Field(description="Namespace of Prometheus, where rule ConfigMaps are written.")] = (
        "monitoring"
    )
    rule_labels: Annotated[
        dict[ObjectLabelName, ObjectLabelValue],
        Field(
            max_length=16,
            description="Labels put on objects that hold rules, for the ruleSelector of Prometheus: {release: kube-prometheus}.",
        ),
    ] = Field(default_factory=dict)
    scrape_interval: Annotated[
        Duration,
        duration_between("1s", "10m"),
        Field(
            description="How often targets are scraped; recorded increments are exact only when this is right. Prometheus' own default is 1m."
        ),
    ] = Duration(60_000)
    evaluation_interval: Annotated[
        Duration,
        duration_between("1s", "10m"),
        Field(
            description="How often rules are evaluated where a rule group does not say. Prometheus' own default is 1m."
        ),
    ] = Duration(60_000)


class Config(Model):
    """The administrator's configuration."""

    instance: Annotated[
        Annotated[str, Shape("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "lower-case letters, digits and - between them", 32)],
        Field(
            description="Name of this installation; two in one cluster must differ, and neither touches the other's objects."
        ),
    ] = "default"
    namespaces: Annotated[
        tuple[DnsLabel, ...],
        Items("set", 1000),
        Field(description="Namespaces whose resources are served; all of them when empty."),
    ] = ()
    prometheus: Annotated[
        PrometheusConfig,
        Field(description="The Prometheus that evaluates the rules.", default_factory=PrometheusConfig),
    ]
    reload_period: Annotated[
        Duration,
        duration_between("1s", "1h"),
        Field(
            description="How long a backend takes, at most, to load changed files. Rules not loaded after two of these are a fault."
        ),
    ] = Duration(120_000)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Read a configuration from parsed YAML.

        Raises:
            SpecError: the first problem, with its field path and fix; the message names how many more there are.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first, *more = sorted(findings_of(error, data, cls))
            rest = f" ({len(more)} more like it)" if more else ""
            raise SpecError(
                f"{first.message}{rest}", path=first.path, reason=first.reason.value, fix=first.fix
            ) from error
