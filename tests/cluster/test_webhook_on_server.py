"""The webhook as a real API server calls it: refusals and warnings in kubectl, standby replicas, rotation, absence."""

from __future__ import annotations

import base64
import copy
import json
import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.slo_cases import good_slo, put
from api.test_metricset_model import GOOD as GOOD_METRIC_SET
from api.test_metricset_model import metric_set
from binnacle.api.config import Config
from binnacle.api.registry import KINDS, parse
from binnacle.cli.compiling import offline
from binnacle.cluster.installing import webhook_manifests
from binnacle.cluster.rbac import Installation
from binnacle.cluster.webhook.review import sentence
from binnacle.control.admission import Admission
from binnacle.control.cache import Cache
from binnacle.control.clock import SystemClock
from binnacle.control.toolchain import shipped
from cluster.operator_world import World, Worlds
from cluster.webhook_calls import Mounted
from compile.dashboards import plain_dashboard
from compile.logpipelines import plain_pipeline
from compile.policies import policy_body
from control.wrong_input import CONFIG, wrong
from servers.controlplane import ControlPlane
from servers.http import fetch
from servers.operator import OperatorProcess
from servers.process import free_port
from servers.waiting import PATIENCE, eventually

Object = dict[str, Any]


class Hooked:
    """An operator with its webhook, and the configuration by which the API server calls it."""

    def __init__(self, made: World, operator: OperatorProcess, port: int, mounted: Mounted, place: str) -> None:
        self.world = made
        self.operator = operator
        self.mounted = mounted
        self.place = place
        self._port = port

    def call(self, **webhook: Any) -> None:
        """Have the API server call it from now on; keywords replace fields of the generated webhook."""
        config = Config.from_data({**CONFIG, "namespaces": [self.place]})
        *_, body = webhook_manifests(config, Installation(), self.mounted.authority.certificate)
        assert body["kind"] == "ValidatingWebhookConfiguration"
        bundle = base64.b64encode(self.mounted.authority.certificate).decode()
        assert body["webhooks"][0]["clientConfig"]["caBundle"] == bundle
        client = {"url": f"https://127.0.0.1:{self._port}/validate", "caBundle": bundle}
        body["webhooks"][0] |= {"clientConfig": client, **webhook}
        self.world.plane.apply([body])

        def heard() -> bool:
            before = self.calls()
            self.tried(good_slo("heard", self.place))
            return self.calls() > before

        eventually(heard, what="a call of the webhook")

    def uncalled(self) -> None:
        """Take the configuration away, and wait until the API server knows."""
        self.world.plane.kubectl("delete", "validatingwebhookconfiguration", "binnacle-default", "--ignore-not-found")
        probe = good_slo("probe", self.place)
        put("spec.indicator.ratio.errors", "x_total{")(probe)
        eventually(lambda: self.tried(probe) == "", what="no call of the webhook")

    def calls(self) -> float:
        return sum(
            value
            for name, value in self.operator.metrics().items()
            if name.startswith("controller_runtime_webhook_requests_total")
        )

    def tried(self, *objects: Object) -> str:
        """What kubectl says of objects that would be created; nothing is stored."""
        return self._kubectl("create", "--dry-run=server", "--validate=ignore", objects)

    def applied(self, *objects: Object) -> str:
        """What kubectl complains or warns about when objects are applied."""
        return self._kubectl("apply", "--server-side", "--force-conflicts", objects)

    def _kubectl(self, verb: str, *flags: Any) -> str:
        *options, objects = flags
        items = [_at(body, self.place) for body in objects]
        document = json.dumps(items[0] if len(items) == 1 else {"apiVersion": "v1", "kind": "List", "items": items})
        return self.world.plane.kubectl(verb, *options, "-f", "-", input=document, check=False, timeout=PATIENCE).stderr

    def stored(self, name: str, plural: str = "slos") -> Object | None:
        return self.world.api.get(f"/apis/binnacle.dev/v1alpha1/namespaces/{self.place}/{plural}/{name}")


def _at(body: Object, namespace: str) -> Object:
    return {**body, "metadata": {**body["metadata"], "namespace": namespace}}


def started(plane: ControlPlane, made: World, directory: Path, place: str) -> Iterator[Hooked]:
    mounted, port = Mounted(directory / "certificates"), free_port()
    mounted.rotate()
    operator = OperatorProcess(
        plane,
        directory,
        CONFIG,
        arguments=[
            "--webhook",
            "--webhook-address",
            f"127.0.0.1:{port}",
            "--webhook-certificates",
            str(mounted.directory),
        ],
    )
    with operator:
        yield Hooked(made, operator, port, mounted, place)


@pytest.fixture(scope="module")
def led(worlds: Worlds) -> Iterator[World]:
    """A world with a leader that has no webhook."""
    with worlds("operator") as made:
        made.namespace(f"test-{uuid.uuid4().hex[:8]}")
        yield made
        made.plane.ensure_running()
        made.plane.kubectl("delete", "validatingwebhookconfiguration", "binnacle-default", "--ignore-not-found")


@pytest.fixture(scope="module")
def standby(led: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hooked]:
    """A replica that does not lead, with its webhook."""
    for made in started(led.plane, led, tmp_path_factory.mktemp("standby"), led.place):
        assert made.operator.metrics()['leader_election_master_status{name="binnacle-default"}'] == 0.0
        yield made


@pytest.fixture
def hooked(standby: Hooked) -> Hooked:
    standby.call()
    return standby


def broken(name: str = "broken") -> Object:
    body = good_slo(name)
    put("spec.indicator.ratio.errors", 'http_requests_total{code=~"5.."')(body)
    return body


def test_a_bad_one_is_refused_in_words_by_a_standby_and_nothing_is_stored(hooked: Hooked) -> None:
    said = hooked.applied(broken("alone"))
    assert said.splitlines()[0].startswith('The SLO "alone" is invalid'), said
    assert "spec.indicator.ratio.errors: PromQLSyntax: The `{` here is never closed. (column 20) Add `}`." in said, said
    assert hooked.stored("alone") is None
    # A good one beside it is taken.
    said = hooked.applied(broken("one-of-two"), good_slo("good"), broken("two-of-two"))
    assert 'admission webhook "validate.binnacle.dev" denied the request: SLO ' in said
    assert hooked.stored("good") is not None
    assert hooked.stored("one-of-two") is None


def test_what_check_finds_is_what_kubectl_says_of_every_kind(hooked: Hooked) -> None:
    """Of all that passes the schema: each finding, whole, and good ones without a word."""
    judge = Admission(shipped(offline(Config.from_data(CONFIG))), Cache(), lambda: True, SystemClock().today).judge
    bodies, lines, kinds = [], [], set()
    for number, found in enumerate(wrong().values()):
        body = _at(copy.deepcopy(found), hooked.place)
        body["metadata"]["name"] = f"wrong-{number}"
        verdict = judge(body)
        if parse(body)[0] is None or not verdict.refused:
            continue
        bodies.append(body)
        lines.append(f"{body['kind']} {hooked.place}/wrong-{number} is refused:")
        lines += [f"* {sentence(one)}" for one in verdict.refused]
        kinds.add(body["kind"])
    assert kinds == set(KINDS)
    assert len(bodies) > 20
    said = hooked.tried(*bodies).splitlines()
    missing = [line for line in lines if not any(one.endswith(line) for one in said)]
    assert missing == [], "\n".join(said)
    good = [good_slo(), policy_body(), metric_set(GOOD_METRIC_SET), plain_dashboard(), plain_pipeline()]
    assert [one for one in hooked.tried(*good).splitlines() if not one.startswith("Warning: ")] == []


def test_what_is_not_there_yet_is_a_warning(hooked: Hooked) -> None:
    body = good_slo("routed")
    body["spec"]["alerting"]["route"] = {"alertPolicy": "later"}
    said = hooked.applied(body)
    assert (
        f"Warning: SLO {hooked.place}/routed: spec.alerting.route.alertPolicy: UnknownReference: There is no AlertPolicy later"
        in said
    )
    board = plain_dashboard("linked", folder=hooked.place, links=[{"name": "slo", "title": "SLO", "slo": "later"}])
    said = hooked.applied(board)
    assert (
        f"Warning: Dashboard {hooked.place}/linked: spec.links[slo].slo: UnknownReference: There is no SLO later"
        in said
    )
    assert hooked.stored("linked", "dashboards") is not None


def test_a_generated_name_is_known_to_the_refusal(hooked: Hooked) -> None:
    body = broken()
    body["metadata"] = {"generateName": "made-"}
    said = hooked.tried(body, body)
    assert len(re.findall(rf"SLO {hooked.place}/made-[a-z0-9]+ is refused:", said)) == 2, said


def test_one_that_is_wrong_already_can_be_labelled_mended_by_steps_and_deleted(hooked: Hooked) -> None:
    hooked.uncalled()
    bad = broken("old")
    put("spec.indicator.ratio.total", "http_requests_total{")(bad)
    bad["metadata"]["finalizers"] = ["example.com/hold"]
    assert hooked.applied(bad) == ""
    hooked.call()
    judged = hooked.operator.metrics().get('webhook_verdicts_total{kind="SLO",verdict="warned"}', 0.0)
    bad["metadata"]["labels"] = {"a": "b"}
    assert hooked.applied(bad) == ""
    assert hooked.stored("old")["metadata"]["labels"] == {"a": "b"}  # type: ignore[index]
    # One of two mistakes mended: taken, and the other told.
    put("spec.indicator.ratio.total", "http_requests_total")(bad)
    said = hooked.applied(bad)
    assert "Warning: " in said
    assert "spec.indicator.ratio.errors: PromQLSyntax" in said
    assert "refused" not in said
    assert hooked.operator.metrics()['webhook_verdicts_total{kind="SLO",verdict="warned"}'] > judged
    put("spec.indicator.ratio.total", "http_requests_total{")(bad)
    assert "spec.indicator.ratio.total: PromQLSyntax" in hooked.applied(bad)
    plane = hooked.world.plane
    plane.kubectl("delete", "slo", "old", "-n", hooked.place, "--wait=false")
    held = hooked.stored("old")
    assert held is not None
    assert held["metadata"]["deletionTimestamp"]
    plane.kubectl(
        "patch",
        "slo",
        "old",
        "-n",
        hooked.place,
        "--type=json",
        "-p",
        '[{"op":"remove","path":"/metadata/finalizers"}]',
    )
    eventually(lambda: hooked.stored("old") is None)


def test_the_api_server_calls_only_when_a_spec_changes(hooked: Hooked) -> None:
    assert hooked.applied(good_slo("quiet")) == ""
    hooked.world.ready(hooked.place, "quiet")
    before = hooked.calls()
    body = good_slo("quiet")
    body["metadata"]["annotations"] = {"a": "b"}
    assert hooked.applied(body) == ""
    status = {"apiVersion": body["apiVersion"], "kind": "SLO", "status": {"sli": "99%"}}
    hooked.world.plane.kubectl(
        "patch", "slo", "quiet", "-n", hooked.place, "--subresource=status", "--type=merge", "-p", json.dumps(status)
    )
    hooked.world.plane.kubectl("delete", "slo", "quiet", "-n", hooked.place)
    assert hooked.calls() == before


def test_a_certificate_is_replaced_without_a_failed_call(hooked: Hooked) -> None:
    """With `Fail`, so that a call that fails would show; each kubectl makes its calls one after another."""
    hooked.call(failurePolicy="Fail")
    stop, said = threading.Event(), []
    tried = [broken(f"r-{number}") for number in range(50)]

    def ask() -> None:
        while not stop.is_set():
            said.append(hooked.tried(*tried))

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for one in asking:
        one.start()
    try:
        for _ in range(3):
            read = hooked.operator.metrics()["certwatcher_read_certificate_total"]
            calls = hooked.calls()
            hooked.mounted.rotate()
            eventually(lambda read=read: hooked.operator.metrics()["certwatcher_read_certificate_total"] > read)
            eventually(lambda calls=calls: hooked.calls() > calls + 100)
    finally:
        stop.set()
        for one in asking:
            one.join(120)
    refused = sum(one.count("is refused:") for one in said)
    assert refused == len(said) * len(tried) >= 300, [one for one in said if one.count("is refused:") != len(tried)][:1]
    assert not [one for one in said if "failed calling webhook" in one]


def test_while_it_is_away_everything_passes_and_status_says_what_is_wrong(hooked: Hooked) -> None:
    hooked.operator.stop()
    try:
        assert hooked.applied(broken("unseen")) == ""
        hooked.world.stalled(hooked.place, "unseen", "PromQLSyntax")
    finally:
        hooked.operator.start()
    assert "is invalid" in hooked.tried(broken("seen"))
    assert hooked.world.operator.metrics()['leader_election_master_status{name="binnacle-default"}'] == 1.0


def test_it_is_ready_only_with_a_certificate_and_leads_without(led: World, standby: Hooked, tmp_path: Path) -> None:
    """Readiness is what the Service goes by; the loop does not wait for a certificate."""
    arguments = [
        "--webhook",
        "--webhook-address",
        f"127.0.0.1:{free_port()}",
        "--webhook-certificates",
        str(tmp_path / "none"),
    ]
    operator = OperatorProcess(led.plane, tmp_path / "operator", CONFIG, arguments=arguments)
    operator.process.start()
    try:
        eventually(
            lambda: fetch(f"{operator.url}/readyz").body == b"the webhook has no certificate that can be used yet\n",
        )
        assert fetch(f"{operator.url}/healthz").status == 200
    except TimeoutError as error:
        error.add_note(f"{fetch(f'{operator.url}/readyz').body!r}\n{operator.log}")
        raise
    finally:
        operator.stop()


def test_the_printed_objects_are_taken_by_the_api_server(led: World) -> None:
    for namespaces in ((), (led.place,)):
        config = Config.from_data({"instance": "printed", "namespaces": list(namespaces)})
        objects = webhook_manifests(config, Installation(namespace=led.place), b"")
        issued = webhook_manifests(config, Installation(namespace=led.place), None)
        assert [one["kind"] for one in issued] == [
            "Service", "Issuer", "Certificate", "Issuer", "Certificate", "ValidatingWebhookConfiguration",
        ]  # fmt: skip
        text = yaml.safe_dump_all(objects)
        said = led.plane.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", input=text).stdout
        assert "service/binnacle-printed-webhook created" in said
        assert "validatingwebhookconfiguration.admissionregistration.k8s.io/binnacle-printed created" in said
