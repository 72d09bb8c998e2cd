"""Modules of blackbox_exporter: one file that all resources with probes add to.

A module says what an answer must be; it is named `<namespace>/<resource>/<probe>`, with `/<item>` for a part of the answer.
What a resource adds is fenced by a comment. Its values are scalars on one line and indented, so that a line that begins a fence
can only be one of ours.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from binnacle.api.config import Config
from binnacle.api.values import Duration
from binnacle.intent.base import Intent
from binnacle.intent.probe import Part, Probes, Probing
from binnacle.intent.refs import Key
from binnacle.targets import conventions, scrapejobs
from binnacle.targets.base import AggregateKey, File, Output, Owner, Resource, Share
from binnacle.targets.onefile import OneFile, OneFileTarget
from binnacle.targets.yamltext import document

DATA_KEY: Final = "blackbox.yaml"
_PATH: Final = f"blackbox/{DATA_KEY}"
_PURPOSE: Final = "probe modules"
_FILE: Final = OneFile("blackbox", _PURPOSE, DATA_KEY)
_BODY_LIMIT: Final = "10MB"
"""A prober serves all teams: an answer without end must not fill its memory."""
_FENCE: Final = re.compile(r"# (MetricSet) ([a-z0-9-]+)/([a-z0-9-]+)")
_TOP: Final = "modules:"
_HEADER: Final = "# Written by Binnacle: change the MetricSets, not this file."


class BlackboxModules(OneFileTarget):
    """Target: modules of blackbox_exporter."""

    name = _FILE.target
    file = _FILE
    backend = "blackbox"
    spells: tuple[type[Intent], ...] = (Probes,)

    def resources(self, config: Config) -> tuple[Resource, ...]:
        """Return the kind of the object that holds the file."""
        return (Resource("v1", "ConfigMap", "configmaps", config.prometheus.namespace),)

    def render(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[Output | Share, ...]:
        """Spell the modules of a resource; nothing when it has no probes.

        Raises:
            SpecError: `OutputTooLarge`, the modules of this one resource do not fit the file.
        """
        return self._share(intents, owner, config)

    def size(self, owner: Key, fragment: str) -> int:
        """Return the bytes that a part takes in the file."""
        return _size(owner, fragment)

    def place(self, sizes: Mapping[Key, int], placed: Mapping[Key, int], config: Config) -> Mapping[Key, int]:  # noqa: ARG002 - the protocol's shape
        """Say who is in the file. Who is in stays in; one for whom there is no room is left out."""
        return _FILE.fitting(sizes, len(_file({})))

    def spell(self, aggregate: AggregateKey, shard: int, shares: Mapping[Key, str], config: Config) -> Output:  # noqa: ARG002 - the protocol's shape
        """Build the one ConfigMap."""
        return _FILE.spell(aggregate, _file(shares), config.instance)

    def split(self, body: Mapping[str, Any]) -> dict[Key, str]:
        """Take the live file apart into what each resource added."""
        return _parts(_FILE.text(body))

    def files(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[File | Share, ...]:
        """Spell the same for a folder: a share of the one file."""
        return self._share(intents, owner, config)

    def assemble_files(self, aggregate: AggregateKey, shares: Mapping[Key, str], config: Config) -> tuple[File, ...]:  # noqa: ARG002 - the protocol's shape
        """Build the one file."""
        return (File(_PATH, _file(shares), None),) if shares else ()

    def split_file(self, path: str, text: str, config: Config) -> tuple[Share, ...]:
        """Take the one file apart into what each resource added."""
        aggregate = AggregateKey(self.name, config.prometheus.namespace)
        shares = _parts(text) if path == _PATH else {}
        return tuple(Share(aggregate, owner, part, _PURPOSE) for owner, part in shares.items())

    def _share(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[Share, ...]:
        key = owner.key
        probes = [one for intent in intents if isinstance(intent, Probes) for one in intent.probes]
        modules = {
            scrapejobs.module_name(key, probe, part): _module(probe, part, key, config)
            for probe in probes
            for part in probe.parts
        }
        if not modules:
            return ()
        text = document({"modules": modules}).removeprefix(f"{_TOP}\n")
        _FILE.check_size(
            _size(key, text),
            key,
            what="The probe modules of {owner} have",
            fix="Spread the probes over several resources, or have fewer.",
        )
        return (Share(AggregateKey(self.name, config.prometheus.namespace), key, text, _PURPOSE),)


def _module(probe: Probing, part: Part, owner: Key, config: Config) -> dict[str, Any]:
    http: dict[str, Any] = {"method": probe.method}
    if probe.status:
        http["valid_status_codes"] = list(probe.status)
    # A redirect could lead to where a probe may not ask.
    http["follow_redirects"] = False
    http["preferred_ip_protocol"] = "ip4"
    http["body_size_limit"] = _BODY_LIMIT
    if part.body:
        http["fail_if_body_not_matches_regexp"] = list(part.body)
    if probe.auth is not None:
        password = probe.auth.password
        http["basic_auth"] = {
            "username": probe.auth.username,
            "password_file": conventions.secret_file(
                config.secrets.root, owner.namespace, password.secret, password.key
            ),
        }
    return {"prober": "http", "timeout": str(Duration(probe.timeout_ms)), "http": http}


def _file(shares: Mapping[Key, str]) -> str:
    if not shares:
        return f"{_HEADER}\n{_TOP} {{}}\n"
    parts = (f"{_fence(key)}\n{shares[key]}" for key in sorted(shares))
    return f"{_HEADER}\n{_TOP}\n{''.join(parts)}"


def _parts(text: str) -> dict[Key, str]:
    """Take the file apart again."""
    found: dict[Key, str] = {}
    owner = None
    for line in text.split("\n"):
        fence = _FENCE.fullmatch(line)
        if fence is not None:
            owner = Key(fence[1], fence[2], fence[3])
            found[owner] = ""
        elif not line.startswith("  "):
            owner = None
        elif owner is not None:
            found[owner] += f"{line}\n"
    return found


def _fence(key: Key) -> str:
    return f"# {key.kind} {key.namespace}/{key.name}"


def _size(key: Key, text: str) -> int:
    return len(text.encode()) + len(_fence(key)) + 1
