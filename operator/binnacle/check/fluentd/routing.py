"""Rules about the ways of events: sections that none reaches, labels that are not there, ways in circles."""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.reasons import Reason
from binnacle.check.fluentd.match import Matcher, PatternError, covers, routed, section_matcher, way
from binnacle.check.fluentd.places import Config, Place, text
from binnacle.check.fluentd.sections import Computed, Section
from binnacle.targets.fluentd.conventions import ERROR_LABEL, FLUENT_LOG_LABEL, RESERVED_LABELS

_PLACEHOLDER: Final = re.compile(r"\$\{[^}]*\}|__[A-Z_]+__|\$[0-9]+")
_ROUNDS: Final = 4
_GIVEN: Final = frozenset({ERROR_LABEL, FLUENT_LOG_LABEL})
"""Labels to which Fluentd itself sends events."""


def check(config: Config) -> Iterator[Finding]:
    """Find what no event reaches, what leads nowhere, and what never ends."""
    bad = list(_bad_patterns(config))
    yield from bad
    if bad:
        return
    domains = _domains(config)
    for domain in domains.values():
        yield from _shadowed(config, domain)
        yield from _rewritten(config, domain)
    yield from _circles(config, domains)
    if config.whole:
        yield from _labels(config, domains)
        yield from _sources(config, domains)


def _bad_patterns(config: Config) -> Iterator[Finding]:
    for place in config.named("match", "filter"):
        try:
            section_matcher(place.section)
        except PatternError as error:
            yield place.finding(Severity.ERROR, Reason.INVALID_VALUE, f"the pattern is refused: {error}")


def _domains(config: Config) -> Mapping[str, Section]:
    """Return where events are routed: the root under an empty name, and every label."""
    labels = {str(place.section.argument): place.section for place in config.named("label") if len(place.parents) == 1}
    return {"": config.parsed.root, **labels}


def _place(config: Config, section: Section) -> Place:
    return next(place for place in config.places if place.section is section)


def _shadowed(config: Config, domain: Section) -> Iterator[Finding]:
    earlier: list[tuple[Section, Matcher]] = []
    for section in routed(domain):
        matcher = section_matcher(section)
        taker = next((each for each, wider in earlier if covers(wider, matcher)), None)
        if taker is not None:
            yield _place(config, section).finding(
                Severity.ERROR,
                Reason.UNREACHABLE_SECTION,
                f"<match {taker.argument or '**'}> of line {taker.line} takes all events that this section is for",
                fix="move the section before it, or remove it",
            )
        elif section.name == "match":
            earlier.append((section, matcher))


def _relabels(section: Section) -> Iterator[str]:
    """Return the labels to which an output passes everything on, itself or in the stores of a copy."""
    if section.get("@type") == "relabel":
        yield text(section, "@label")
    for store in section.all("store"):
        yield from _relabels(store)


def _circles(config: Config, domains: Mapping[str, Section]) -> Iterator[Finding]:
    leads = {
        name: {label for section in routed(domain) for label in _relabels(section)} for name, domain in domains.items()
    }
    for name in domains:
        if name and name in _reachable(leads, name):
            yield _place(config, domains[name]).finding(
                Severity.ERROR,
                Reason.ROUTING_LOOP,
                f"events of the label {name} come back to it without end; the worker dies",
            )


def _reachable(leads: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = set(leads[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting |= leads.get(name, set())
    return found


def _rewritten(config: Config, domain: Section) -> Iterator[Finding]:
    """Follow a tag through a rewriting output that may get its own events back."""
    for section in routed(domain):
        if section.get("@type") != "rewrite_tag_filter":
            continue
        for rule in section.all("rule"):
            if rule.get("label") is not None or isinstance(section.argument, Computed):
                continue
            for sample in _samples(section.argument):
                problem = _followed(domain, section, text(rule, "tag"), sample)
                if problem:
                    yield _place(config, rule).finding(Severity.ERROR, *problem, key="tag")
                    break


def _samples(argument: str) -> Iterator[str]:
    for pattern in argument.split():
        if not pattern.startswith("/"):
            yield re.sub(r"\*+", "x", re.sub(r"\{([^,{}]*)[^{}]*\}", r"\1", pattern))


def _followed(domain: Section, section: Section, template: str, tag: str) -> tuple[Reason, str] | None:
    tags = [tag]
    while len(tags) <= _ROUNDS and way(domain, tags[-1]).output is section:
        with_tag = template.replace("${tag}", tags[-1]).replace("__TAG__", tags[-1])
        tags.append(_PLACEHOLDER.sub("x", with_tag))
    if any(before == after for before, after in pairwise(tags)):
        return (
            Reason.LOSES_RECORDS,
            "an event that keeps its tag, or gets one that comes here again unchanged, is dropped",
        )
    if len(tags) > _ROUNDS:
        return Reason.ROUTING_LOOP, "the new tag matches this section again, without end; the worker dies"
    return None


def _labels(config: Config, domains: Mapping[str, Section]) -> Iterator[Finding]:
    used: set[str] = set(_GIVEN)
    for place in config.places:
        for key in _label_keys(place):
            label = place.section.get(key)
            if isinstance(label, Computed):
                return
            used.add(label or "")
            if label and label not in domains and label != "@ROOT":
                yield place.finding(
                    Severity.ERROR,
                    Reason.MISSING_LABEL,
                    f"there is no <label {label}>; what is sent there is lost",
                    key=key,
                )
    for name, section in domains.items():
        if name and name not in used:
            yield _place(config, section).finding(
                Severity.WARNING, Reason.UNREACHABLE_SECTION, f"nothing is sent to the label {name}"
            )


def _label_keys(place: Place) -> Iterator[str]:
    section = place.section
    for key in ("@label", "timeout_label"):
        if section.get(key) is not None:
            yield key
    if section.name == "rule" and section.get("label") is not None:
        yield "label"


def _sources(config: Config, domains: Mapping[str, Section]) -> Iterator[Finding]:
    sources = tuple(config.named("source"))
    if not sources:
        yield config.places[0].finding(
            Severity.ERROR, Reason.UNREACHABLE_SECTION, "there is no <source>: no event ever comes"
        )
    for place in sources:
        tag = text(place.section, "tag")
        label = place.section.get("@label") or ""
        domain = domains.get(label) if isinstance(label, str) else None
        if not tag or domain is None or label in RESERVED_LABELS or "#{" in tag:
            continue
        taken = way(domain, tag.replace("*", "var.log.x.log")).output
        if taken is None and not any(isinstance(section.argument, Computed) for section in routed(domain)):
            yield place.finding(
                Severity.ERROR,
                Reason.LOSES_RECORDS,
                f"no <match> takes events with the tag {tag!r}; they are dropped",
                key="tag",
            )
