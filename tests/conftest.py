"""What every test shares: the test servers, and the watch over skipped tests."""

from __future__ import annotations

import os
import re

import hypothesis
import pytest

from servers.skips import EXPECTED, SkipWatch, expected_reasons, truth

pytest_plugins = ["pytester", "servers.fixtures"]

# How long an example takes says more of the machine than of the law. All else is as hypothesis has it, in CI and elsewhere.
hypothesis.settings.register_profile("unhurried", hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the caller choose the cluster."""
    parser.getgroup("binnacle").addoption(
        "--cluster",
        default="local",
        metavar="local|kind|kubeconfig:PATH",
        help="the cluster that tests run on: a control plane started here (default), kind, or one that is there",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Check the choice, and watch the skips where all of them are seen."""
    chosen = str(config.getoption("--cluster"))
    if re.fullmatch(r"local|kind|kubeconfig:.+", chosen) is None:
        raise pytest.UsageError(f"--cluster={chosen}: choose local, kind or kubeconfig:PATH")
    if not hasattr(config, "workerinput"):
        watch = SkipWatch(expected_reasons(EXPECTED), strict=truth(os.environ, "CI"))
        config.pluginmanager.register(watch, "binnacle-skips")
