"""Receivers: where Alertmanager sends notifications, with its own field names in camelCase.

A secret is referenced and found by Alertmanager in a file. Only settings that can be given that way are fields: Amazon SNS,
for one, takes its keys from a role or a profile, never from here.
"""

from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, model_validator

from binnacle.api.cel import Cel
from binnacle.api.model import Items, Model, OneOf, refusal
from binnacle.api.reasons import Reason
from binnacle.api.secrets import SecretValue
from binnacle.api.values import DnsLabel, Duration, HttpUrl, Shape, duration_between

BLACKHOLE: Final = "blackhole"
"""Receiver that every policy has: it takes notifications and sends none."""

Line = Annotated[str, Shape(r"^[^\x00-\x1F\x7F]+$", "text in one line", 1024)]
"""A short text of one line; Alertmanager expands templates in it where its documentation says so."""
Prose = Annotated[str, Field(min_length=1, max_length=4096)]
"""A text of several lines, with Alertmanager's templates."""
Key = Annotated[
    str, Shape(r"^[A-Za-z0-9][A-Za-z0-9 ._-]*$", "a name of letters, digits, blanks, and . _ - behind the first", 128)
]
HostPort = Annotated[
    str, Shape(r"^[A-Za-z0-9._-]+:[0-9]{1,5}$", "host and port of the mail server: smtp.example.com:587", 260)
]
Arn = Annotated[str, Shape(r"^arn:[A-Za-z0-9:/_.+=,@*-]+$", "an ARN: arn:aws:sns:eu-west-1:123456789012:alerts", 2048)]
Flag = Annotated[bool, Field(strict=True)]


class TlsConfig(Model):
    """How the other side of a TLS connection is checked, and who we are."""

    ca: Annotated[SecretValue | None, Field(description="Certificates that are trusted, PEM.")] = None
    cert: Annotated[SecretValue | None, Field(description="Certificate to show, PEM.")] = None
    key: Annotated[SecretValue | None, Field(description="Private key of cert, PEM.")] = None
    server_name: Annotated[Line | None, Field(description="Name that the server's certificate must have.")] = None
    insecure_skip_verify: Annotated[Flag | None, Field(description="True accepts any certificate.")] = None

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel("has(self.cert) == has(self.key)", "Give cert and key together, or neither.", ".key"),
    )

    @model_validator(mode="after")
    def _cert_and_key(self) -> Self:
        if (self.cert is None) != (self.key is None):
            raise refusal("cert and key belong together.", fix="Give both, or neither.", at=("key",))
        return self


class BasicAuth(Model):
    """Name and password."""

    username: Annotated[Line, Field(description="User name.")]
    password: Annotated[SecretValue, Field(description="Password.")]


class Authorization(Model):
    """The header Authorization."""

    type: Annotated[
        Annotated[str, Shape(r"^[A-Za-z0-9!#$%&*+.^_`|~-]+$", "the name of a scheme, such as Bearer", 64)] | None,
        Field(description="Scheme; Bearer when absent."),
    ] = None
    credentials: Annotated[SecretValue, Field(description="What stands behind the scheme: a token.")]


class HttpConfig(Model):
    """How a receiver's HTTP requests are made."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!(has(self.authorization) && has(self.basicAuth))",
            "Give one of authorization and basicAuth.",
            ".basicAuth",
        ),
    )

    authorization: Annotated[Authorization | None, Field(description="The header Authorization.")] = None
    basic_auth: Annotated[BasicAuth | None, Field(description="Name and password.")] = None
    tls_config: Annotated[TlsConfig | None, Field(description="TLS settings.")] = None
    proxy_url: Annotated[HttpUrl | None, Field(description="HTTP proxy to go through.")] = None
    follow_redirects: Annotated[Flag | None, Field(description="Whether redirects are followed; true when absent.")] = (
        None
    )

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.authorization is not None and self.basic_auth is not None:
            raise refusal("authorization and basicAuth exclude each other.", fix="Keep one of them.", at=("basicAuth",))
        return self


class KeyValue(Model):
    """A name and its text."""

    key: Annotated[Key, Field(description="Name.")]
    value: Annotated[Prose, Field(description="Text; Alertmanager expands templates in it.")]


class Integration(Model):
    """What every way of notifying has."""

    send_resolved: Annotated[
        Flag | None,
        Field(description="Whether the end of an alert is told too; Alertmanager's own default when absent."),
    ] = None


class SlackField(Model):
    """A field of a Slack attachment."""

    title: Annotated[Line, Field(description="Heading.")]
    value: Annotated[Prose, Field(description="Text.")]
    short: Annotated[Flag | None, Field(description="Whether it may stand beside others.")] = None


class SlackAction(Model):
    """A button of a Slack attachment that opens a page."""

    type: Annotated[Line, Field(description="button.")]
    text: Annotated[Line, Field(description="What is written on it.")]
    url: Annotated[Line, Field(description="What it opens; templates are expanded.")]
    style: Annotated[Line | None, Field(description="default, primary or danger.")] = None


class Slack(Integration):
    """Slack, by an incoming webhook or an app."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel("!(has(self.apiUrl) && has(self.appToken))", "Give one of apiUrl and appToken.", ".appToken"),
    )

    api_url: Annotated[
        SecretValue | None,
        Field(
            description="Address of the incoming webhook; Alertmanager's global one when neither this nor appToken is given."
        ),
    ] = None
    app_token: Annotated[SecretValue | None, Field(description="Token of a Slack app, instead of apiUrl.")] = None
    app_url: Annotated[HttpUrl | None, Field(description="Address of Slack's API for appToken.")] = None
    channel: Annotated[Line | None, Field(description="Channel or user, such as #payments.")] = None
    username: Annotated[Line | None, Field(description="Name of the sender.")] = None
    color: Annotated[Line | None, Field(description="Colour of the bar beside the message.")] = None
    title: Annotated[Prose | None, Field(description="Title of the message.")] = None
    title_link: Annotated[Line | None, Field(description="What the title links to.")] = None
    pretext: Annotated[Prose | None, Field(description="Text above the message.")] = None
    text: Annotated[Prose | None, Field(description="Text of the message.")] = None
    fields: Annotated[tuple[SlackField, ...], Items("atomic", 20), Field(description="Fields of the message.")] = ()
    short_fields: Annotated[Flag | None, Field(description="Whether fields may stand side by side.")] = None
    footer: Annotated[Prose | None, Field(description="Text below the message.")] = None
    fallback: Annotated[Prose | None, Field(description="Text where attachments cannot be shown.")] = None
    callback_id: Annotated[Line | None, Field(description="Identifier for interactive messages.")] = None
    icon_emoji: Annotated[Line | None, Field(description="Emoji as the sender's picture.")] = None
    icon_url: Annotated[Line | None, Field(description="The sender's picture.")] = None
    image_url: Annotated[Line | None, Field(description="Picture in the message.")] = None
    thumb_url: Annotated[Line | None, Field(description="Small picture in the message.")] = None
    link_names: Annotated[Flag | None, Field(description="Whether names and channels become links.")] = None
    mrkdwn_in: Annotated[
        tuple[Line, ...], Items("atomic", 8), Field(description="Fields in which Slack's markup is read.")
    ] = ()
    actions: Annotated[
        tuple[SlackAction, ...], Items("atomic", 5), Field(description="Buttons below the message.")
    ] = ()
    timeout: Annotated[
        Duration | None, duration_between("1s", "10m"), Field(description="Longest time that a request may take.")
    ] = None
    http_config: Annotated[HttpConfig | None, Field(description="How requests are made.")] = None

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if self.api_url is not None and self.app_token is not None:
            raise refusal("apiUrl and appToken exclude each other.", fix="Keep one of them.", at=("appToken",))
        return self


class Email(Integration):
    """E-mail."""

    to: Annotated[Line, Field(description="Addresses, with commas between them.")]
    from_: Annotated[Line | None, Field(alias="from", description="Sender; Alertmanager's global one when absent.")] = (
        None
    )
    hello: Annotated[Line | None, Field(description="Name told to the mail server.")] = None
    smarthost: Annotated[HostPort | None, Field(description="Mail server; Alertmanager's global one when absent.")] = (
        None
    )
    auth_username: Annotated[Line | None, Field(description="User name at the mail server.")] = None
    auth_password: Annotated[SecretValue | None, Field(description="Password for LOGIN and PLAIN.")] = None
    auth_secret: Annotated[SecretValue | None, Field(description="Secret for CRAM-MD5.")] = None
    auth_identity: Annotated[Line | None, Field(description="Identity for PLAIN.")] = None
    headers: Annotated[
        tuple[KeyValue, ...], Items("map", 32, keys=("key",)), Field(description="Headers, such as Subject.")
    ] = ()
    html: Annotated[Prose | None, Field(description="Body as HTML.")] = None
    text: Annotated[Prose | None, Field(description="Body as plain text.")] = None
    require_tls: Annotated[Flag | None, Field(description="Whether STARTTLS is required.")] = None
    tls_config: Annotated[TlsConfig | None, Field(description="TLS settings.")] = None

    @model_validator(mode="after")
    def _headers_differ(self) -> Self:
        seen: set[str] = set()
        for item in self.headers:
            if item.key.lower() in seen:
                raise refusal(
                    f"The header {item.key} is set twice; upper and lower case are the same here.",
                    fix="Leave one out.",
                    at=("headers",),
                )
            seen.add(item.key.lower())
        return self


class PagerdutyLink(Model):
    """A link of an incident."""

    href: Annotated[Line, Field(description="Where it leads.")]
    text: Annotated[Line | None, Field(description="What is shown.")] = None


class PagerdutyImage(Model):
    """A picture of an incident."""

    src: Annotated[Line, Field(description="Where it is.")]
    alt: Annotated[Line | None, Field(description="Text in its place.")] = None
    href: Annotated[Line | None, Field(description="What it links to.")] = None


class Pagerduty(Integration, OneOf):
    """PagerDuty."""

    one_of: ClassVar[tuple[str, ...]] = ("routing_key", "service_key")

    routing_key: Annotated[SecretValue | None, Field(description="Key of an integration of Events API v2.")] = None
    service_key: Annotated[SecretValue | None, Field(description="Key of an integration of type Prometheus.")] = None
    url: Annotated[HttpUrl | None, Field(description="Address of PagerDuty's API.")] = None
    client: Annotated[Line | None, Field(description="Name of the sender.")] = None
    client_url: Annotated[Line | None, Field(description="What the sender's name links to.")] = None
    description: Annotated[Prose | None, Field(description="Title of the incident.")] = None
    details: Annotated[
        tuple[KeyValue, ...], Items("map", 32, keys=("key",)), Field(description="Further facts of the incident.")
    ] = ()
    images: Annotated[tuple[PagerdutyImage, ...], Items("atomic", 8), Field(description="Pictures.")] = ()
    links: Annotated[tuple[PagerdutyLink, ...], Items("atomic", 16), Field(description="Links.")] = ()
    source: Annotated[Line | None, Field(description="Where the alert comes from.")] = None
    severity: Annotated[Line | None, Field(description="critical, error, warning or info; templates are expanded.")] = (
        None
    )
    class_: Annotated[Line | None, Field(alias="class", description="Class of the incident.")] = None
    component: Annotated[Line | None, Field(description="Part that is broken.")] = None
    group: Annotated[Line | None, Field(description="Group of the part.")] = None
    timeout: Annotated[
        Duration | None, duration_between("1s", "10m"), Field(description="Longest time that a request may take.")
    ] = None
    http_config: Annotated[HttpConfig | None, Field(description="How requests are made.")] = None


class Webhook(Integration, OneOf):
    """Any HTTP endpoint that takes Alertmanager's JSON."""

    one_of: ClassVar[tuple[str, ...]] = ("url", "url_secret")

    url: Annotated[HttpUrl | None, Field(description="Address that is no secret. Either this or urlSecret.")] = None
    url_secret: Annotated[SecretValue | None, Field(description="Address that is a secret. Either this or url.")] = None
    max_alerts: Annotated[
        int | None, Field(strict=True, ge=0, le=100_000, description="Most alerts in one message; 0 means all.")
    ] = None
    timeout: Annotated[
        Duration | None, duration_between("1s", "10m"), Field(description="Longest time that a request may take.")
    ] = None
    http_config: Annotated[HttpConfig | None, Field(description="How requests are made.")] = None


class Sigv4(Model):
    """Who signs requests to AWS: a role or a profile of the machine, never a key in the configuration."""

    region: Annotated[
        Annotated[str, Shape("^[a-z0-9-]+$", "a region, such as eu-west-1", 64)] | None,
        Field(description="AWS region; of the machine when absent."),
    ] = None
    profile: Annotated[Line | None, Field(description="Profile of the machine's AWS settings.")] = None
    role_arn: Annotated[Arn | None, Field(description="Role to assume.")] = None


class Sns(Integration, OneOf):
    """Amazon SNS."""

    one_of: ClassVar[tuple[str, ...]] = ("topic_arn", "phone_number", "target_arn")

    api_url: Annotated[HttpUrl | None, Field(description="Address of SNS; by region when absent.")] = None
    sigv4: Annotated[Sigv4, Field(description="Who signs the requests.", default_factory=Sigv4)]
    topic_arn: Annotated[Arn | None, Field(description="Topic.")] = None
    phone_number: Annotated[
        Annotated[str, Shape(r"^\+[0-9]{3,15}$", "a phone number in E.164 form: +4930123456", 16)] | None,
        Field(description="Phone number."),
    ] = None
    target_arn: Annotated[Arn | None, Field(description="Mobile endpoint.")] = None
    subject: Annotated[Prose | None, Field(description="Subject.")] = None
    message: Annotated[Prose | None, Field(description="Text.")] = None
    attributes: Annotated[
        tuple[KeyValue, ...], Items("map", 10, keys=("key",)), Field(description="Attributes of the message.")
    ] = ()
    http_config: Annotated[HttpConfig | None, Field(description="How requests are made.")] = None


INTEGRATIONS: Final = ("slack", "email", "pagerduty", "webhook", "sns")
"""Members of a receiver, one for each way of notifying."""


class Receiver(Model):
    """A named set of ways to notify; each that is given is used."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            f"self.name != '{BLACKHOLE}'",
            f"Choose another name; {BLACKHOLE} is there already and sends nothing.",
            ".name",
        ),
        Cel(
            " || ".join(f"has(self.{name})" for name in INTEGRATIONS),
            f"Give at least one of {', '.join(INTEGRATIONS)}.",
        ),
    )

    name: Annotated[DnsLabel, Field(description="Name of the receiver within the policy.")]
    slack: Annotated[Slack | None, Field(description="Slack.")] = None
    email: Annotated[Email | None, Field(description="E-mail.")] = None
    pagerduty: Annotated[Pagerduty | None, Field(description="PagerDuty.")] = None
    webhook: Annotated[Webhook | None, Field(description="Any HTTP endpoint.")] = None
    sns: Annotated[Sns | None, Field(description="Amazon SNS.")] = None

    @model_validator(mode="after")
    def _sends_something(self) -> Self:
        if self.name == BLACKHOLE:
            raise refusal(f"{BLACKHOLE} is there already and sends nothing.", fix="Choose another name.", at=("name",))
        if all(getattr(self, name) is None for name in INTEGRATIONS):
            raise refusal(
                "The receiver notifies nobody.",
                fix=f"Give at least one of {', '.join(INTEGRATIONS)}.",
                reason=Reason.MISSING_FIELD,
            )
        return self
