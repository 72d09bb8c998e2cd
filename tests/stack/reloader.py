"""The part that a config reloader plays in a cluster: rules out of the objects into the folder of Prometheus, and a reload."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from servers.cluster import Cluster
from servers.prometheus import Prometheus


def mounted(cluster: Cluster) -> dict[str, str]:
    """File name -> text: what is mounted from the ConfigMaps that hold rules."""
    found = cluster.get("configmap", "-n", "monitoring", "-l", "binnacle.dev/aggregate=rules")
    return {name: text for item in found["items"] for name, text in item.get("data", {}).items()}


def of_operator(cluster: Cluster, namespace: str) -> dict[str, str]:
    """File name -> text: what prometheus-operator makes of the PrometheusRules of a namespace."""
    found = cluster.get("prometheusrule", "-n", namespace)
    return {
        f"{namespace}-{item['metadata']['name']}-{item['metadata']['uid']}.yaml": yaml.safe_dump(item["spec"])
        for item in found["items"]
    }


def paths(files: Mapping[str, str], prometheus: Prometheus) -> dict[Path, str]:
    """The files as Prometheus will have them."""
    return {prometheus.rules_directory / name: text for name, text in files.items()}


def reload(files: Mapping[str, str], prometheus: Prometheus) -> None:
    """Make the folder of Prometheus hold exactly these files, and have it load them.

    Raises:
        ServerFailedError: Prometheus refused them.
    """
    wanted = paths(files, prometheus)
    prometheus.rules_directory.mkdir(parents=True, exist_ok=True)
    for stale in set(prometheus.rules_directory.glob("*.yaml")) - wanted.keys():
        stale.unlink()
    for path, text in wanted.items():
        path.write_text(text)
    prometheus.reload()
