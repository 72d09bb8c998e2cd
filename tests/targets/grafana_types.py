"""Grafana's TypeScript types as a judge of dashboards: npm installs them once into the cache, `tsc` compares."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from servers.cache import cache_root, locked
from servers.skips import unavailable

SOURCES = Path(__file__).resolve().parents[1] / "data" / "grafana-ts"


def installed() -> Path:
    """The folder with the types and the compiler in it; skips aloud where there is no npm or it reaches no registry."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        unavailable("npm and node are not installed, so Grafana's TypeScript types cannot judge dashboards")
    package = (SOURCES / "package.json").read_bytes()
    root = cache_root()
    folder = root / "npm" / f"grafana-{hashlib.sha256(package).hexdigest()[:16]}"
    with locked("npm-grafana", root, waiting=lambda: None):
        if not (folder / ".complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (folder / "package.json").write_bytes(package)
            command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
            if done.returncode:
                unavailable("npm cannot install Grafana's TypeScript types here")
            (folder / ".complete").touch()
    return folder


def complaints(dashboards: Mapping[str, Mapping[str, Any]], folder: Path, scratch: Path) -> str:
    """What `tsc` says of dashboards, by names that are identifiers; empty when they are what Grafana's types ask for."""
    node = str(shutil.which("node"))
    for name in ("tsconfig.json", "written.ts"):
        shutil.copy(SOURCES / name, scratch / name)
    (scratch / "node_modules").symlink_to(folder / "node_modules")
    lines = ["import type { Written } from './written';"]
    lines += [f"export const {name}: Written = {json.dumps(whole)};" for name, whole in dashboards.items()]
    (scratch / "dashboards.ts").write_text("\n".join(lines))
    command = [node, str(folder / "node_modules" / "typescript" / "bin" / "tsc"), "-p", str(scratch)]
    return subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=240).stdout
