"""The administrator's configuration: one schema for the operator and for commands that work on files.

It says where the backends are and what they are like; nothing in it is about one resource. Reading YAML is the caller's.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import Field, ValidationError, model_validator

from binnacle.api.cel import Cel, matches
from binnacle.api.grafana_names import Folder, Title
from binnacle.api.labels import FreeLabelName
from binnacle.api.model import Items, Law, Model, refusal
from binnacle.api.problems import findings_of
from binnacle.api.values import DNS_LABEL_PATTERN, DnsLabel, Duration, HttpUrl, Shape, duration_between
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


def _alertmanager_base(base: dict[str, Any]) -> None:
    """Refuse a base that Alertmanager would not load, as far as what is added to it depends on it."""
    if not base:
        return
    route, receivers = base.get("route"), base.get("receivers")
    names = [one.get("name") for one in receivers if isinstance(one, dict)] if isinstance(receivers, list) else []
    if not isinstance(route, dict) or not isinstance(route.get("receiver"), str):
        raise SpecError("The base has no route.receiver.", fix="Name the receiver of alerts that nobody else takes.")
    if route["receiver"] not in names:
        raise SpecError(
            f"The base has no receiver {route['receiver']}, which its route names.", fix="Add it to receivers."
        )
    if any(not isinstance(name, str) or "/" in name for name in names):
        raise SpecError(
            "A receiver of the base has no name, or one with / in it.", fix="Leave / to the receivers of policies."
        )


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
        Field(
            description="Its version, such as 2.42 or 3.5.0. When given, what that version does not know is reported."
        ),
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
            description="Labels put on objects that hold rules or say what is scraped, for the selectors of Prometheus: "
            "{release: kube-prometheus}.",
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


class AlertmanagerConfig(Model):
    """The Alertmanager that takes the alerts."""

    url: Annotated[
        HttpUrl | None,
        Field(
            description="Address of its HTTP API. Without it, it is not read back whether it has loaded the routing of policies."
        ),
    ] = None

    version: Annotated[
        Annotated[str, Shape(r"^0\.[0-9]{1,4}(\.[0-9]{1,4})?$", "a version such as 0.27 or 0.31.1", 16)] | None,
        Field(
            description="Its version, such as 0.27 or 0.31.1. What only newer ones know is refused; absent means 0.25, the oldest "
            "that is served."
        ),
    ] = None
    namespace: Annotated[
        DnsLabel, Field(description="Namespace of Alertmanager, where its configuration is written.")
    ] = "monitoring"
    base: Annotated[
        dict[str, Any],
        Field(
            description="Configuration that everything is added to, in Alertmanager's own words: global settings, the route and "
            "the receivers of alerts that nobody else takes. Absent means that those notify nobody."
        ),
        Field(max_length=32, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True}),
        Law(_alertmanager_base),
    ] = Field(default_factory=dict)

    @property
    def line(self) -> tuple[int, int]:
        """Major and minor version; the oldest that is served when none is given."""
        major, minor = (self.version or "0.25").split(".")[:2]
        return int(major), int(minor)


class SecretsConfig(Model):
    """Where backends find values of Secrets."""

    root: Annotated[
        Annotated[str, Shape(r"^(/[A-Za-z0-9._-]+)+$", "an absolute path of letters, digits, and . _ -", 512)],
        Field(
            description="Folder in which a backend finds the value of a key of a Secret as <namespace>/<name>/<key>."
        ),
    ] = "/etc/binnacle/secrets"


DatasourceUid = Annotated[
    str, Shape("^[A-Za-z0-9_-]+$", "the uid of a datasource in Grafana: letters, digits, _ and -", 40)
]
"""A uid as Grafana takes it (pkg/util/shortid_generator.go)."""


class DatasourceType(StrEnum):
    """The datasources that dashboards use, by Grafana's name of their plugin."""

    PROMETHEUS = "prometheus"
    LOKI = "loki"


class GrafanaDatasource(Model):
    """The datasource of a type that dashboards show at first."""

    type: Annotated[DatasourceType, Field(description="Its type: prometheus or loki.")]
    uid: Annotated[
        DatasourceUid,
        Field(description="Its uid in Grafana."),
    ]
    name: Annotated[str, Field(min_length=1, max_length=128, description="Its name in Grafana.")]


class SLOBoardsConfig(Model):
    """The two dashboards that show all SLOs."""

    enabled: Annotated[
        bool | None,
        Field(
            strict=True,
            description="Whether they are made, while there is any SLO. Absent means that they are where grafana.url is given.",
        ),
    ] = None
    folder: Annotated[
        Folder,
        Field(
            description="Their folder in Grafana, which nobody else may use. Two installations that share a Grafana need two."
        ),
    ] = "SLOs"
    overview_title: Annotated[Title, Field(description="Title of the list of all SLOs.")] = "All SLOs"
    detail_title: Annotated[Title, Field(description="Title of the dashboard that shows one SLO, which is chosen.")] = (
        "One SLO"
    )

    @model_validator(mode="after")
    def _titles_differ(self) -> Self:
        if self.overview_title == self.detail_title:
            raise refusal(
                "Both dashboards have the same title.",
                fix="Give each its own: Grafana takes no title twice in one folder.",
                at=("detailTitle",),
            )
        return self


class GrafanaConfig(Model):
    """The Grafana that shows the dashboards."""

    url: Annotated[
        HttpUrl | None,
        Field(description="Address at which people reach it; the status of a dashboard shows its address there."),
    ] = None
    namespace: Annotated[
        DnsLabel,
        Field(description="Namespace of Grafana, where its sidecar looks for the ConfigMaps that hold dashboards."),
    ] = "monitoring"
    sidecar_label: Annotated[
        ObjectLabelName,
        Field(description='Label by which the sidecar finds ConfigMaps with dashboards; its value is always "1".'),
    ] = "grafana_dashboard"
    folder_annotation: Annotated[
        ObjectLabelName,
        Field(
            description="Annotation that tells the sidecar the folder (its FOLDER_ANNOTATION). Grafana must be told to make folders "
            "from the files' structure."
        ),
    ] = "k8s-sidecar-target-directory"
    datasources: Annotated[
        tuple[GrafanaDatasource, ...],
        Items("map", 8, keys=("type",)),
        Field(
            description="The datasource of each type that dashboards show at first. Without one Grafana chooses its own default."
        ),
    ] = ()
    slo_boards: Annotated[
        SLOBoardsConfig,
        Field(description="The two dashboards that show all SLOs.", default_factory=SLOBoardsConfig),
    ]

    @property
    def has_slo_boards(self) -> bool:
        """Whether the dashboards of all SLOs are made."""
        return self.url is not None if self.slo_boards.enabled is None else self.slo_boards.enabled

    def address_of(self, uid: str) -> str | None:
        """Return the address of a dashboard; None where it is not known where Grafana is."""
        return self.address_at(f"/d/{uid}")

    def address_at(self, path: str) -> str | None:
        """Return the address of a page of Grafana, given its path; None where it is not known where Grafana is."""
        return None if self.url is None else f"{self.url.rstrip('/')}{path}"


_SERVER: Final = Shape(
    r"^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?/?$",
    "scheme, host and port of a server, such as https://loki.monitoring.svc:3100",
    512,
)
ServerUrl = Annotated[str, _SERVER]
"""The address of a server, without a path, a query or a user in it."""

_OWNED_NAME: Final = Shape("^[A-Za-z0-9][A-Za-z0-9._-]*$", "letters, digits, and . _ - after the first of them", 128)
OwnedName = Annotated[str, _OWNED_NAME]
"""A name of which a backend has only one set for everybody: a tenant of Loki."""


class LokiConfig(Model):
    """The Loki that log pipelines send to."""

    url: Annotated[
        ServerUrl | None,
        Field(
            description="Its address, without a path. Absent means http://loki.monitoring.svc:3100; null says that there is none, and "
            "no pipeline can send to Loki. Fluentd needs fluent-plugin-grafana-loki."
        ),
    ] = "http://loki.monitoring.svc:3100"
    tenant: Annotated[
        OwnedName | None,
        Field(description="Tenant of outputs that name none; absent means that no tenant is sent."),
    ] = None


class ElasticsearchConfig(Model):
    """The Elasticsearch that log pipelines send to."""

    url: Annotated[
        ServerUrl | None,
        Field(
            description="Its address, without a path; the port is 9200 when absent. Without it no pipeline can send to "
            "Elasticsearch. Fluentd needs fluent-plugin-elasticsearch."
        ),
    ] = None


class QuarantineOutput(StrEnum):
    """Where stubs of records go that could not be dealt with."""

    STDOUT = "stdout"
    LOKI = "loki"


class FluentdConfig(Model):
    """The Fluentd that runs the log pipelines, one on every node."""

    namespace: Annotated[
        DnsLabel, Field(description="Namespace of Fluentd, where the ConfigMaps with the pipelines are written.")
    ] = "monitoring"
    buffers: Annotated[
        Annotated[str, Shape(r"^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$", "an absolute path of plain names", 200)],
        Field(
            description="Folder in which Fluentd keeps what it has not delivered yet, and how far it has read; it must outlive "
            "the pod."
        ),
    ] = "/buffers"
    quarantine: Annotated[
        QuarantineOutput,
        Field(
            description="Where the stub of a record goes that could not be redacted or parsed (its time, tag, size and the "
            "reason, nothing else of it): stdout, the log of Fluentd, or loki."
        ),
    ] = QuarantineOutput.STDOUT


class NameAllowance(Model):
    """Names that a namespace may use besides those that begin with its own."""

    namespace: Annotated[DnsLabel, Field(description="The namespace.")]
    prefixes: Annotated[
        tuple[OwnedName, ...],
        Items("set", 32, least=1),
        Field(description="Beginnings of names of Loki tenants and Elasticsearch indices."),
    ]


_MADE_OTHERWISE: Final = ("container", "environment", "instance", "item", "job", "pod", "probe", "quantile", "region")


def _says_nothing_else(label: str) -> None:
    if label in _MADE_OTHERWISE:
        raise SpecError(
            f"The label {label} says something else of a series than its namespace.",
            fix="Name the label namespace, or one that nothing else sets.",
        )


NamespaceLabel = Annotated[FreeLabelName, Law(_says_nothing_else)]
"""A label that holds the namespace of a series."""


class TenancyConfig(Model):
    """How teams are kept apart in backends that they share."""

    namespace_label: Annotated[
        NamespaceLabel | None,
        Field(
            description="Label that holds the namespace of a series, such as namespace. When given, PromQL of a team reads only series "
            "that have its namespace there: the matcher is added to every selector. Absent means that every series may be read."
        ),
    ] = None
    allow: Annotated[
        tuple[NameAllowance, ...],
        Items("map", 1000, keys=("namespace",)),
        Field(
            description="Names that a namespace may use in backends. Always allowed are its own name, and what begins with it "
            "and a _ or a dot, which no other namespace has in its name."
        ),
    ] = ()
    shared_objects: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            strict=True,
            description="How many ConfigMaps of 900,000 bytes one namespace may fill of those that all namespaces share: of rule files, of "
            "scrape jobs and of log pipelines each so many. What is beyond is left out, and its resource says so; what is in "
            "already stays in.",
        ),
    ] = 16


class AllowConfig(Model):
    """What teams may do that is refused unless it is allowed."""

    private_probe_targets: Annotated[
        bool,
        Field(
            strict=True,
            description="True lets probes ask private addresses and names inside the cluster; never those of the prober's own "
            "machine, of links, and of the API server. Absent means false.",
        ),
    ] = False


_REGION_FIX = "Name regions with lower-case letters, digits and - between them."


def _region_names(_probers: dict[str, str]) -> None:
    """Regions have no law beyond their names, which the key type checks."""


ProberAddress = Annotated[
    str,
    Shape(
        r"^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$",
        "a host and a port, such as blackbox.monitoring.svc:9115",
        253,
    ),
]


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
    platform_namespaces: Annotated[
        tuple[DnsLabel, ...],
        Items("set", 100),
        Field(description="Namespaces of those who run the platform: their policies may route every alert."),
    ] = ()
    prometheus: Annotated[
        PrometheusConfig,
        Field(description="The Prometheus that evaluates the rules.", default_factory=PrometheusConfig),
    ]
    alertmanager: Annotated[
        AlertmanagerConfig,
        Field(description="The Alertmanager that takes the alerts.", default_factory=AlertmanagerConfig),
    ]
    probers: Annotated[
        dict[DnsLabel, ProberAddress],
        Field(
            max_length=32,
            description="Places that probes ask from: the name of the region, and host and port of the blackbox_exporter there, "
            "which reads the modules that are written.",
        ),
        Law(_region_names, (Cel(f"self.all(name, {matches('name', DNS_LABEL_PATTERN)})", _REGION_FIX),)),
    ] = Field(default_factory=dict)
    allow: Annotated[
        AllowConfig,
        Field(description="What teams may do that is refused unless it is allowed.", default_factory=AllowConfig),
    ]
    secrets: Annotated[
        SecretsConfig, Field(description="Where backends find values of Secrets.", default_factory=SecretsConfig)
    ]
    grafana: Annotated[
        GrafanaConfig, Field(description="The Grafana that shows the dashboards.", default_factory=GrafanaConfig)
    ]
    loki: Annotated[LokiConfig, Field(description="The Loki that log pipelines send to.", default_factory=LokiConfig)]
    elasticsearch: Annotated[
        ElasticsearchConfig,
        Field(description="The Elasticsearch that log pipelines send to.", default_factory=ElasticsearchConfig),
    ]
    fluentd: Annotated[
        FluentdConfig, Field(description="The Fluentd that runs the log pipelines.", default_factory=FluentdConfig)
    ]
    tenancy: Annotated[
        TenancyConfig,
        Field(description="How teams are kept apart in backends that they share.", default_factory=TenancyConfig),
    ]
    reload_period: Annotated[
        Duration,
        duration_between("1s", "1h"),
        Field(
            description="How long a backend takes, at most, to load changed files. Rules not loaded after two of these are a fault."
        ),
    ] = Duration(120_000)

    @model_validator(mode="after")
    def _quarantine_has_an_address(self) -> Self:
        if self.fluentd.quarantine is QuarantineOutput.LOKI and self.loki.url is None:
            raise refusal(
                "The quarantine of Fluentd goes to loki, and loki has no url.",
                fix="Add loki.url, or leave quarantine out.",
                at=("fluentd", "quarantine"),
            )
        return self

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
