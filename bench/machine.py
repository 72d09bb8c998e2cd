"""The machine's own reference numbers, so that figures of two machines can be set beside each other."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import psutil


def describe() -> dict[str, Any]:
    """Return what the machine is and how fast it does three plain things at this moment."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "calls M/s": round(_call_speed(), 1),
        "JSON MB/s": round(_json_speed(), 1),
        "SHA-256 MB/s": round(_sha_speed()),
        "load before": load(),
    }


def load() -> float:
    """The system's load average of the last minute: above the number of cores, others are running too."""
    return round(os.getloadavg()[0], 1)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _call_speed() -> float:
    """Million calls of a method that one core of this Python makes in a second, best of five: how Python was built shows here."""
    count, counter = 20_000, _Counter()

    def work() -> None:
        for _ in range(count):
            counter.step(1)

    return count / 1e6 / _best(work)


class _Counter:
    def __init__(self) -> None:
        self.seen = 0

    def step(self, by: int) -> None:
        self.seen += by


def _json_speed() -> float:
    """Megabytes of JSON that one core of this Python writes in a second, best of five."""
    document = {
        "rules": [{"expr": f'sum(rate(requests_total{{job="{n}"}}[5m]))', "labels": {"a": "b"}} for n in range(500)]
    }
    size = len(json.dumps(document))
    return size / 1e6 / _best(lambda: json.dumps(document))


def _sha_speed() -> float:
    data = bytes(10**6)
    return 1 / _best(lambda: hashlib.sha256(data).digest())


def _best(work: Any) -> float:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(10):
            work()
        times.append((time.perf_counter() - started) / 10)
    return min(times)
