"""Programs are found, built once, kept whole, and told apart by version."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rich.console import Console

from servers import catalog, go
from servers.cache import build_key, cache_root, put_in_place, servers_root
from servers.catalog import ETCD, KUBERNETES, PROMETHEUS, SERVERS, DebianPackage, GoModule
from servers.debian import ensure_debian
from servers.errors import BuildError, ServerMissingError
from servers.find import ensure, find
from servers.progress import Progress
from servers.skips import unavailable

TESTS = Path(__file__).resolve().parents[1]
MAIN = """package main

import "fmt"

var version string

func main() { fmt.Println("hello", version) }
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINNACLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)


@pytest.fixture
def module(tmp_path: Path) -> GoModule:
    """A module of one small program and no dependencies to fetch."""
    if shutil.which("go") is None:
        unavailable("there is no `go` on the PATH")
    folder = tmp_path / "tools" / "hello"
    (folder / "upstream").mkdir(parents=True)
    (folder / "upstream" / "go.mod").write_text("module example.invalid/upstream\n\ngo 1.20\n")
    (folder / "go.mod").write_text(
        "module example.invalid/hello\n\ngo 1.20\n\nrequire example.invalid/upstream v1.2.3\n\n"
        "replace example.invalid/upstream => ./upstream\n"
    )
    (folder / "go.sum").write_text("")
    (folder / "main.go").write_text(MAIN)
    return GoModule(
        name="hello",
        upstream="example.invalid/upstream",
        binaries={"hello": "example.invalid/hello"},
        variables=lambda version: (f"main.version={version}",),
        tools=tmp_path / "tools",
    )


def lines() -> tuple[Progress, io.StringIO]:
    text = io.StringIO()
    return Progress(Console(file=text, force_terminal=False, width=200)), text


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_versions_are_read_from_what_is_pinned() -> None:
    assert KUBERNETES.minor == "1.36"
    assert ETCD.version.startswith("3.")
    assert re.fullmatch(r"3\.\d+\.\d+", PROMETHEUS.version)
    assert f"-X=k8s.io/component-base/version.gitVersion=v{KUBERNETES.version}" in KUBERNETES.ldflags


def test_a_module_is_built_once_stamped_and_reports_how_far_it_is(module: GoModule) -> None:
    progress, told = lines()
    folder = go.build(module, progress)
    assert subprocess.run([folder / "hello"], capture_output=True, text=True).stdout == "hello 1.2.3\n"
    assert re.search(r"hello 1\.2\.3: compiling: \d+ of \d+ packages, \d+ s", told.getvalue())
    assert folder.is_relative_to(servers_root())

    again, told_again = lines()
    assert go.build(module, again) == folder
    assert told_again.getvalue() == ""


def test_a_build_that_fails_says_why_and_leaves_nothing(module: GoModule) -> None:
    (module.directory / "main.go").write_text(MAIN.replace("Println", "Printless"))
    with pytest.raises(BuildError, match=r"undefined: fmt\.Printless"):
        go.build(module, lines()[0])
    assert [path for path in servers_root().iterdir() if path.is_dir()] == []


def test_those_who_come_together_build_once(module: GoModule) -> None:
    reports = [lines() for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        folders = set(pool.map(lambda report: go.build(module, report[0]), reports))
    assert len(folders) == 1
    assert sum("compiling" in text.getvalue() for _, text in reports) == 1
    assert sum("another process is building it" in text.getvalue() for _, text in reports) == 2


def test_whatever_changes_the_programs_changes_the_key(module: GoModule) -> None:
    keys = {build_key(module, "go1.26.0", "linux/amd64")}
    keys.add(build_key(module, "go1.26.1", "linux/amd64"))
    keys.add(build_key(module, "go1.26.0", "linux/arm64"))
    keys.add(build_key(dataclasses.replace(module, tags=("a",)), "go1.26.0", "linux/amd64"))
    (module.directory / "go.sum").write_text("example.invalid/other v1.0.0 h1:x\n")
    keys.add(build_key(module, "go1.26.0", "linux/amd64"))
    assert len(keys) == 5
    assert all(re.fullmatch(r"hello-[0-9a-f]{16}", key) for key in keys)


def test_without_go_the_message_says_what_is_needed(module: GoModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ServerMissingError, match=r"needs Go 1\.20 or newer, and there is no `go` on the PATH"):
        go.build(module, lines()[0])


def test_with_an_old_go_the_message_says_what_is_needed(module: GoModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOTOOLCHAIN", "local")
    mod = module.directory / "go.mod"
    mod.write_text(mod.read_text().replace("go 1.20", "go 1.999.0"))
    with pytest.raises(ServerMissingError, match=r"needs Go 1\.999\.0 or newer: .*go\.mod requires go >= 1\.999\.0"):
        go.build(module, lines()[0])


def test_a_draft_takes_its_place_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "place"

    def stop_half_way() -> None:
        with put_in_place(target) as draft:
            (draft / "half").touch()
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        stop_half_way()
    assert list(tmp_path.glob("*place*")) == []
    with put_in_place(target) as draft:
        (draft / "whole").touch()
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["whole"]


def test_a_missing_program_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # Debian's programs may be on the PATH.
    for name in (name for name, server in SERVERS.items() if isinstance(server.source, GoModule)):
        with pytest.raises(ServerMissingError, match=f"{name} is not on this machine yet: run `make servers`"):
            find(name)


def test_assets_of_the_pinned_minor_version_are_taken_and_others_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    ours = program(tmp_path / "assets" / "kube-apiserver", f"Kubernetes v{KUBERNETES.minor}.0")
    assert find("kube-apiserver") == ours
    program(ours, "Kubernetes v1.29.0")
    with pytest.raises(ServerMissingError):
        find("kube-apiserver")
    # etcd's own version does not show through the API server.
    etcd = program(tmp_path / "assets" / "etcd", "etcd Version: 3.6.4")
    assert find("etcd") == etcd
    etcd.chmod(0o644)
    with pytest.raises(ServerMissingError):
        find("etcd")


def test_without_go_a_build_of_the_pinned_version_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/bin")
    if shutil.which("go") is not None:
        unavailable("this machine has `go` in /bin, so its absence cannot be shown")
    program(servers_root() / "kubernetes-another" / "bin" / "kubectl", "Client Version: v1.29.0")
    with pytest.raises(ServerMissingError):
        find("kubectl")
    kubectl = program(
        servers_root() / "kubernetes-pinned" / "bin" / "kubectl", f"Client Version: v{KUBERNETES.version}"
    )
    assert find("kubectl") == kubectl


def test_setup_envtest_is_asked_before_anything_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "bin" / "setup-envtest"
    folder = f"k8s/{KUBERNETES.minor}.0-linux-amd64"
    program(tool, "")
    tool.write_text(
        f'#!/bin/sh\nset -e\n[ "$1 $2 $3" = "use {KUBERNETES.minor}.x --bin-dir" ]\nmkdir -p "$4/{folder}"\n'
        f"""printf '#!/bin/sh\\necho Kubernetes v{KUBERNETES.minor}.0\\n' > "$4/{folder}/kube-apiserver"\n"""
        f'chmod +x "$4/{folder}/kube-apiserver"\n'
    )
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    progress, told = lines()
    assert ensure("kube-apiserver", progress) == servers_root() / "envtest" / folder / "kube-apiserver"
    assert "asking setup-envtest for" in told.getvalue()


def test_debian_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ServerMissingError, match="comes from Debian, and there is no `apt-get` here"):
        ensure_debian(DebianPackage("prometheus", re.compile("2")), lines()[0])


def test_a_package_is_unpacked_and_nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("dpkg-deb") is None:
        unavailable("there is no `dpkg-deb` on the PATH")
    source = tmp_path / "source"
    program(source / "usr" / "bin" / "thing", "thing 2.0.0")
    (source / "DEBIAN").mkdir()
    (source / "DEBIAN" / "control").write_text(
        "Package: thing\nVersion: 2.0.0\nArchitecture: all\nMaintainer: test <test@example.invalid>\nDescription: test\n"
    )
    (source / "DEBIAN" / "postinst").write_text(f"#!/bin/sh\ntouch {tmp_path}/installed\n")
    (source / "DEBIAN" / "postinst").chmod(0o755)
    archive = tmp_path / "thing.deb"
    subprocess.run(["dpkg-deb", "--build", str(source), str(archive)], check=True, capture_output=True)
    apt = tmp_path / "bin" / "apt-get"
    program(apt, "")
    apt.write_text(f'#!/bin/sh\n[ "$1" = download ] && cp {archive} .\n')
    monkeypatch.setenv("PATH", f"{apt.parent}:{os.environ['PATH']}")

    folder = ensure_debian(DebianPackage("thing", re.compile("2")), lines()[0])
    assert subprocess.run([folder / "thing"], capture_output=True, text=True).stdout == "thing 2.0.0\n"
    assert list(folder.parents[1].glob("*.deb")) == []
    assert not (tmp_path / "installed").exists()


def test_the_cache_is_where_the_environment_says() -> None:
    assert cache_root({"BINNACLE_CACHE": "/a"}) == Path("/a")
    assert cache_root({"XDG_CACHE_HOME": "/b"}) == Path("/b/binnacle")
    assert cache_root({}) == Path.home() / ".cache" / "binnacle"


def test_every_go_server_is_pinned_in_the_tree() -> None:
    modules = {server.source.name: server.source for server in SERVERS.values() if isinstance(server.source, GoModule)}
    for module in modules.values():
        text = (catalog.TOOLS / module.name / "go.mod").read_text()
        for package in module.binaries.values():
            assert re.search(rf"^(tool )?\s*{re.escape(package)}$", text, re.MULTILINE), package


def test_the_command_line_tells_what_is_missing(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    told = subprocess.run([sys.executable, "-m", "servers", "status"], env=environment, capture_output=True, text=True)
    assert told.returncode == 1
    assert "etcd: missing" in told.stdout
    path = subprocess.run(
        [sys.executable, "-m", "servers", "path", "etcd"], env=environment, capture_output=True, text=True
    )
    assert (path.returncode, path.stdout) == (1, "")
    assert path.stderr.startswith("error: etcd is not on this machine yet")
