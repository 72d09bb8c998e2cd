"""`binnacle operator`: what is wrong with its options is said before anything is asked of an API server."""

import base64
from pathlib import Path

import pytest
import yaml

from cli.running import Runner
from servers.certificates import Authority

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(capsys, monkeypatch)


@pytest.mark.parametrize("address", ["8080", "localhost", "localhost:", ":70000", "a:b", "[::1]", "::1:x"])
def test_an_address_without_a_port_is_refused(run: Runner, address: str) -> None:
    ended = run("operator", "--health-address", address)
    assert ended.status == 2
    assert f"--health-address {address}: write HOST:PORT, such as 0.0.0.0:8080" in ended.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--config", "none.yaml"], "none.yaml cannot be read: No such file or directory"),
        (["--config", "bad.yaml"], "bad.yaml:1:14: prometheus.outptu: There is no field outptu. Write output."),
        (["--namespace", "Shop_1"], "--namespace: 'Shop_1' does not fit here. Write lower-case letters"),
        (["--namespace", "shop", "--namespace", "shop"], "--namespace: shop is in the list twice."),
        (["--webhook", "--webhook-address", "nine"], "--webhook-address nine: write HOST:PORT, such as 0.0.0.0:9443"),
        (["--print-webhook", "--webhook-ca", "none.pem"], "--webhook-ca none.pem: No such file or directory"),
        (
            ["--print-webhook", "--webhook-ca", "bad.yaml"],
            "--webhook-ca bad.yaml: there is no certificate in PEM in it",
        ),
        (["--print-rights", "--account", "a b"], "--account a b: write lower-case letters"),
        (["--print-rights", "--lease-namespace", "x: y"], "--lease-namespace x: y: write lower-case letters"),
        (["--log-level", "loud"], "--log-level"),
        (["--log-format", "xml"], "--log-format"),
        (["--kubeconfig", "none.kubeconfig"], "none.kubeconfig"),
    ],
)
def test_a_wrong_option_is_named(
    run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text("prometheus: {outptu: auto}")
    ended = run("operator", *arguments)
    assert ended.status == 2
    assert says in ended.err
    assert "Traceback" not in ended.err
    assert "a bug in Binnacle" not in ended.err


@pytest.mark.parametrize("command", ["operator", "render", "check", "crds"])
def test_help_keeps_its_examples_on_lines_of_their_own(run: Runner, command: str) -> None:
    ended = run(command, "--help")
    assert ended.status == 0
    lines = [line.strip() for line in ended.out.splitlines()]
    begin = lines.index("Examples") + 1
    examples = lines[begin : begin + lines[begin:].index("")]
    assert examples
    assert all(line.startswith(("binnacle ", "kustomize ")) for line in examples)


def test_the_rights_follow_the_options(run: Runner, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("{instance: blue, grafana: {namespace: dashboards}}")
    ended = run(
        "operator", "--print-rights", "--config", str(config), "--namespace", "shop", "--lease-namespace", "home",
        "--account", "robot",
    )  # fmt: skip
    assert ended.status == 0
    objects = list(yaml.safe_load_all(ended.out))
    assert {(one["kind"], one["metadata"]["namespace"]) for one in objects} == {
        ("ServiceAccount", "home"),
        *((kind, place) for kind in ("Role", "RoleBinding") for place in ("shop", "dashboards", "monitoring", "home")),
    }
    subjects = [subject for one in objects for subject in one.get("subjects", ())]
    assert {(one["namespace"], one["name"]) for one in subjects} == {("home", "robot")}
    assert "binnacle-blue" in str(objects)


def test_without_namespaces_the_rights_are_those_of_the_manifests(run: Runner) -> None:
    shipped = [
        one for name in ("rbac.yaml", "rbac-outputs.yaml") for one in yaml.safe_load_all((MANIFESTS / name).read_text())
    ]
    printed = list(yaml.safe_load_all(run("operator", "--print-rights").out))
    assert sorted(printed, key=str) == sorted(shipped, key=str)


def test_the_webhook_follows_the_options_and_shows_no_key(run: Runner, tmp_path: Path) -> None:
    pair = Authority("ca").issue("x", purpose="server")
    file = tmp_path / "ca.pem"
    file.write_bytes(pair.key + pair.certificate)
    options = ("--webhook-ca", file, "--namespace", "shop", "--lease-namespace", "home", "--webhook-address", ":8443")
    ended = run("operator", "--print-webhook", *options)
    assert ended.status == 0
    service, configuration = yaml.safe_load_all(ended.out)
    (webhook,) = configuration["webhooks"]
    assert webhook["failurePolicy"] == "Ignore"
    assert webhook["timeoutSeconds"] == 5
    assert webhook["sideEffects"] == "None"
    assert webhook["namespaceSelector"]["matchExpressions"][0]["values"] == ["shop"]
    client = webhook["clientConfig"]
    assert base64.b64decode(client["caBundle"]) == pair.certificate
    assert (client["service"]["namespace"], client["service"]["name"]) == ("home", service["metadata"]["name"])
    assert service["metadata"]["namespace"] == "home"
    assert service["spec"]["ports"][0]["targetPort"] == 8443


def test_without_a_ca_cert_manager_issues_the_certificate_that_the_service_needs(run: Runner) -> None:
    objects = list(yaml.safe_load_all(run("operator", "--print-webhook").out))
    certificate = next(one for one in objects if one["kind"] == "Certificate" and "dnsNames" in one["spec"])
    service = next(one for one in objects if one["kind"] == "Service")["metadata"]
    configuration = next(one for one in objects if one["kind"] == "ValidatingWebhookConfiguration")
    assert certificate["spec"]["dnsNames"] == [f"{service['name']}.{service['namespace']}.svc"]
    place = f"{certificate['metadata']['namespace']}/{certificate['metadata']['name']}"
    assert configuration["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": place}
    assert "caBundle" not in configuration["webhooks"][0]["clientConfig"]
    assert "namespaceSelector" not in configuration["webhooks"][0]


def test_rights_and_webhook_are_printed_together_and_the_rights_are_the_same(run: Runner) -> None:
    rights = list(yaml.safe_load_all(run("operator", "--print-rights").out))
    both = list(yaml.safe_load_all(run("operator", "--print-rights", "--print-webhook", "--webhook").out))
    assert both[: len(rights)] == rights
    assert {one["kind"] for one in both[len(rights) :]} == {
        "Service",
        "Issuer",
        "Certificate",
        "ValidatingWebhookConfiguration",
    }
