"""The audit log counts each write once, tells whose it was, and leaves out what is no write of ours."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from servers.audit import WriteCounter, counted, service_account_user
from servers.controlplane import ControlPlane
from servers.waiting import eventually


def config_map(namespace: str, name: str, **data: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name}, "data": data}


def test_every_kind_of_write_is_counted_once_and_reads_are_not(
    control_plane: ControlPlane, namespace: str, write_counter: WriteCounter
) -> None:
    def ours() -> list[tuple[str, str, int]]:
        records = counted(write_counter.settle(mark, user="admin", quiet=0.5), user="admin", namespace=namespace)
        return [(record.verb, record.name, record.code) for record in records if record.resource == "configmaps"]

    mark = write_counter.mark()
    control_plane.apply(config_map(namespace, "one", a="1"))
    control_plane.apply(config_map(namespace, "one", a="2"))
    control_plane.kubectl("patch", "configmap", "one", "-n", namespace, "-p", '{"data":{"a":"3"}}')
    control_plane.get("configmap", "one", "-n", namespace)
    control_plane.kubectl("label", "configmap", "one", "-n", namespace, "a=b", "--dry-run=server")
    control_plane.kubectl("delete", "configmap", "one", "-n", namespace)

    assert ours() == [("patch", "one", 201), ("patch", "one", 200), ("patch", "one", 200), ("delete", "one", 200)]


def test_a_refused_write_is_counted_and_is_not_ok(
    control_plane: ControlPlane, namespace: str, write_counter: WriteCounter
) -> None:
    control_plane.kubectl("create", "serviceaccount", "nobody", "-n", namespace)
    nobody = control_plane.service_account_kubeconfig(namespace, "nobody")
    mark = write_counter.mark()
    control_plane.kubectl("create", "configmap", "x", "-n", namespace, kubeconfig=nobody, check=False)

    user = service_account_user(namespace, "nobody")
    records = counted(write_counter.settle(mark, user=user), user=user)
    assert [(record.verb, record.code, record.ok) for record in records] == [("create", 403, False)]


def test_leases_events_and_tokens_do_not_count(
    control_plane: ControlPlane, namespace: str, write_counter: WriteCounter
) -> None:
    mark = write_counter.mark()
    control_plane.apply(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"namespace": namespace, "name": "l"},
            "spec": {},
        }
    )
    control_plane.apply(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": namespace, "name": "e"},
            "involvedObject": {"namespace": namespace},
        }
    )
    eventually(lambda: control_plane.exists("serviceaccount", "default", "-n", namespace))
    control_plane.service_account_token(namespace, "default")

    records = [record for record in write_counter.settle(mark, user="admin") if record.namespace == namespace]
    seen = Counter("/".join(filter(None, (record.resource, record.subresource))) for record in records)
    assert {"leases", "events", "serviceaccounts/token"} <= set(seen)
    assert not [record for record in counted(records) if record.resource in ("leases", "events") or record.subresource]


def test_the_log_goes_on_over_a_restart(
    control_plane: ControlPlane, namespace: str, write_counter: WriteCounter
) -> None:
    mark = write_counter.mark()
    control_plane.apply(config_map(namespace, "before"))
    control_plane.restart_apiserver()
    control_plane.apply(config_map(namespace, "after"))
    names = [record.name for record in counted(write_counter.settle(mark, user="admin"), namespace=namespace)]
    assert [name for name in names if name in ("before", "after")] == ["before", "after"]


def test_settling_gives_up_on_writes_that_never_end(
    control_plane: ControlPlane, namespace: str, write_counter: WriteCounter
) -> None:
    enough = threading.Event()

    def write_on() -> None:
        number = 0
        while not enough.is_set():
            number += 1
            control_plane.apply(config_map(namespace, "busy", n=str(number)))

    writer = threading.Thread(target=write_on)
    mark = write_counter.mark()
    writer.start()
    try:
        with pytest.raises(TimeoutError, match=r"patch configmaps .*/busy by admin: 200"):
            write_counter.settle(mark, quiet=5.0, limit=8.0)
    finally:
        enough.set()
        writer.join()
