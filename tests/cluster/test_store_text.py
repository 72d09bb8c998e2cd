"""Every text reaches the API server as it is: in objects, and in the status of a resource."""

from binnacle.cluster.client import Client
from binnacle.cluster.store import KubernetesStore
from binnacle.intent.refs import Key
from cluster.objects import config_map, slo
from servers.cluster import Cluster

STRANGE = (
    "".join(map(chr, range(0x2100)))
    + "\u3000\ud7ff\ue000\ufdd0\ufeff\ufffc\ufffd\ufffe\uffff"
    + "\U00010000\U0001f4a9\U0001ffff\U0010fffd\U0010ffff"
)


async def test_every_character_of_an_object_arrives(store: KubernetesStore, client: Client, namespace: str) -> None:
    data = {
        "whole": STRANGE,
        **{f"c{ord(one):x}": f"a{one}b {one} c\n{one}" for one in STRANGE if not one.isprintable()},
    }
    live = await store.apply(config_map(namespace, "strange", data))
    assert live["data"] == data


async def test_every_character_of_a_status_arrives(
    store: KubernetesStore, cluster: Cluster, namespace: str, crds_applied: tuple[str, ...]
) -> None:
    cluster.apply(slo(namespace, "strange"))
    uid = cluster.get("slo", "strange", "-n", namespace)["metadata"]["uid"]
    pieces = [STRANGE[at : at + 1000] for at in range(0, len(STRANGE), 1000)]
    findings = [{"severity": "error", "reason": "InvalidValue", "message": one} for one in pieces]
    live = await store.write_status(Key("SLO", namespace, "strange"), uid, {"findings": findings})
    assert live is not None
    assert [one["message"] for one in live["status"]["findings"]] == pieces
