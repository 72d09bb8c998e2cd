"""The tour on a Kubernetes API server of its own, with the operator as a process under its generated rights.

Everything shown is what kubectl and binnacle print. It needs the test servers, so it lives beside them.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from binnacle.cli.tour.folder import BROKEN, NEW, OLD, WHOLE
from binnacle.cli.tour.stage import Stage
from servers.controlplane import ControlPlane
from servers.errors import ServerError
from servers.operator import REPOSITORY, OperatorProcess
from servers.waiting import eventually

QUICKSTART = REPOSITORY / "examples" / "quickstart"
SLO_FILE = "checkout-slo.yaml"
SPACE = "shop"
RULES = ("configmap", "binnacle-default-rules", "-n", "monitoring")
PATIENCE = 120.0
"""Seconds that each step may take."""


class ClusterTour:
    """The tour.

    Args:
        directory: for everything that is written.
        stage: where it is shown.
        plane: the API server, running.
    """

    def __init__(self, directory: Path, stage: Stage, plane: ControlPlane) -> None:
        self._stage = stage
        self._plane = plane
        self._files = directory / "quickstart"
        shutil.copytree(QUICKSTART, self._files)

    def run(self) -> None:
        """Go through the steps; the operator runs already."""
        self._apply()
        self._written()
        self._change()
        self._refused_by_admission()
        self._refused_by_the_compiler()
        self._deleted_by_hand()

    def _apply(self) -> None:
        self._stage.step("A team applies what it wrote")
        self._show("apply", "-f", str(self._files), said="apply -f examples/quickstart/")
        with self._stage.busy("the operator is at work"):
            self._wait("everything Ready", self._all_ready)
        self._show("get", "binnacle", "-n", SPACE)

    def _written(self) -> None:
        self._stage.step("What the operator has made of it")
        self._show("get", "configmap", "-n", "monitoring", "-l", "app.kubernetes.io/managed-by=binnacle")
        self._stage.remark(
            "Mount them where Prometheus, Alertmanager, Grafana and Fluentd look. With prometheus-operator it would be"
        )
        self._stage.remark("PrometheusRules and PodMonitors; nothing of yours is annotated, nothing has a finalizer.")

    def _change(self) -> None:
        self._stage.step("A change: first what it would do, then it is done")
        self._edit(OLD, NEW)
        self._binnacle("diff", SLO_FILE)
        before = self._rules()
        self._show("apply", "-f", str(self._files / SLO_FILE), said=f"apply -f {SLO_FILE}")
        seconds = self._wait("new rules", lambda: self._rules() != before)
        self._stage.say(f"The rules were different {seconds:.1f} s later.")
        self._wait("Ready again", self._all_ready)
        self._show("get", "slo", "-n", SPACE)

    def _refused_by_admission(self) -> None:
        self._stage.step("A mistake that the API server refuses")
        self._edit(NEW, "objective: 199.95%")
        self._show("apply", "-f", str(self._files / SLO_FILE), said=f"apply -f {SLO_FILE}   # objective: 199.95%")
        self._edit("objective: 199.95%", NEW)

    def _refused_by_the_compiler(self) -> None:
        self._stage.step("A mistake that only the compiler sees")
        kept = self._rules()
        self._edit(WHOLE, BROKEN)
        self._show("apply", "-f", str(self._files / SLO_FILE), said=f"apply -f {SLO_FILE}   # a bracket is lost")
        self._wait("Stalled", lambda: self._condition("Stalled"))
        self._show("get", "slo", "-n", SPACE)
        path = "{.status.conditions[?(@.type=='Stalled')].message}"
        self._show("get", "slo", "checkout", "-n", SPACE, "-o", f"jsonpath={path}")
        same = "byte for byte as before" if self._rules() == kept else "CHANGED"
        self._stage.say(f"The rules of the last good version are in place, {same}. Put right, it goes on:")
        self._edit(BROKEN, WHOLE)
        self._show("apply", "-f", str(self._files / SLO_FILE), said=f"apply -f {SLO_FILE}")
        self._wait("Ready again", self._all_ready)

    def _deleted_by_hand(self) -> None:
        self._stage.step("Somebody deletes the rules by hand")
        before = self._plane.get(*RULES)["metadata"]["uid"]
        kept = self._rules()
        self._show("delete", *RULES)
        seconds = self._wait("rules again", lambda: self._rules() == kept)
        assert self._plane.get(*RULES)["metadata"]["uid"] != before
        self._show("get", *RULES)
        self._stage.say(
            f"Back after {seconds:.1f} s, with what was in them. The tour ends here, and its API server with it."
        )

    # -- doing ---------------------------------------------------------------------------------------------------------

    def _show(self, *arguments: str, said: str = "") -> None:
        """Run kubectl and show what it prints."""
        self._stage.command(f"kubectl {said or ' '.join(arguments)}")
        ended = self._plane.kubectl(*arguments, check=False)
        self._print(ended.stdout + ended.stderr)

    def _binnacle(self, command: str, file: str) -> None:
        self._stage.command(f"binnacle {command} {file}")
        program = (sys.executable, "-m", "binnacle.cli.main", command, file)
        # As `make demo-cluster` runs it: with the package of this repository, and the administrator's kubeconfig.
        ended = subprocess.run(
            [*program, "--kubeconfig", str(self._plane.kubeconfig)], cwd=self._files, capture_output=True, text=True
        )
        self._print(ended.stdout + ended.stderr)

    def _print(self, text: str) -> None:
        for line in text.replace(str(self._files), "examples/quickstart").splitlines():
            style = {"+": "green", "-": "red", "@": "cyan"}.get(line.strip()[:1], "")
            self._stage.lines([line], style if line.startswith(" ") else "")

    def _edit(self, old: str, new: str) -> None:
        file = self._files / SLO_FILE
        text = file.read_text()
        assert old in text, f"{SLO_FILE} does not have {old}"
        file.write_text(text.replace(old, new, 1))

    def _wait(self, what: str, holds: Callable[[], Any]) -> float:
        begun = time.monotonic()
        eventually(holds, limit=PATIENCE, what=what)
        return time.monotonic() - begun

    # -- looking -------------------------------------------------------------------------------------------------------

    def _all_ready(self) -> bool:
        found = self._plane.get("binnacle", "-n", SPACE)["items"]
        return len(found) >= len(list(self._files.glob("*.yaml"))) and all(
            one.get("status", {}).get("observedGeneration") == one["metadata"]["generation"]
            and any(c["type"] == "Ready" and c["status"] == "True" for c in one["status"]["conditions"])
            for one in found
        )

    def _condition(self, kind: str) -> bool:
        status = self._plane.get("slo", "checkout", "-n", SPACE).get("status", {})
        return any(one["type"] == kind and one["status"] == "True" for one in status.get("conditions", ()))

    def _rules(self) -> dict[str, str]:
        return dict(self._plane.get(*RULES).get("data", {}))


def main() -> int:
    """Start everything, take the tour, and leave nothing behind; the exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    stage = Stage(Console(highlight=False))
    stage.open("Binnacle in a cluster.", "An API server of its own, on the loopback; it ends with the tour.")
    try:
        with (
            tempfile.TemporaryDirectory(prefix="binnacle-demo-cluster-", ignore_cleanup_errors=True) as scratch,
            ExitStack() as running,
        ):
            directory = Path(scratch)
            with stage.busy("starting etcd, kube-apiserver and kube-controller-manager"):
                plane = running.enter_context(ControlPlane(directory / "plane"))
            with stage.busy("installing resource definitions, rights and the operator"):
                plane.install_crds(REPOSITORY / "crds")
                running.enter_context(OperatorProcess(plane, directory / "operator"))
            ClusterTour(directory, stage, plane).run()
    except ServerError as error:
        print(f"demo-cluster: {error}", file=sys.stderr)
        return 2
    return 0


def _end(number: int, _: FrameType | None) -> None:
    """Leave through everything that is open, so that nothing stays behind."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
