"""The tests of an SLO: those that are generated for it, run by the promtool on the PATH or written as files."""

import shutil
from collections.abc import Mapping
from dataclasses import replace

from binnacle.api.slo import SLO
from binnacle.check.base import TestResult, without_promtool
from binnacle.check.proofs.moments import moved
from binnacle.check.proofs.promtool import Document, Run, run_tests
from binnacle.check.proofs.slo import key_of, proofs_of
from binnacle.compile.world import Compiled, World
from binnacle.intent.rules import RuleSet
from binnacle.targets import rulefile
from binnacle.targets.base import File
from binnacle.targets.yamltext import document


def prove_slo(slo: SLO, compiled: Compiled, world: World) -> tuple[TestResult, ...]:
    """Run the generated tests of an SLO by the promtool on the PATH."""
    return run_proofs(slo, compiled, world, shutil.which("promtool"))


def run_proofs(
    slo: SLO, compiled: Compiled, world: World, promtool: str | None, run: Run | None = None
) -> tuple[TestResult, ...]:
    """Run the generated tests of an SLO: all in one process, and one by one only to say which failed.

    Args:
        slo: the resource.
        compiled: what it compiled to.
        world: its surroundings.
        promtool: the program; without it the tests are unproved.
        run: how it is run.
    """
    if not any(isinstance(intent, RuleSet) for intent in compiled.intents):
        return ()
    proofs = proofs_of(slo, compiled, world)
    names = [case.name for made in proofs.documents.values() for case in made.cases]
    if promtool is None:
        return (*map(without_promtool, names), *proofs.results)
    rules = {_rules_of(name, made): rule_text(slo, compiled, made) for name, made in proofs.documents.items()}
    said = run_tests(promtool, rules, _bodies(proofs.documents), run)
    if not said:
        return (*(TestResult(name, passed=True) for name in names), *proofs.results)
    results = []
    for name, made in proofs.documents.items():
        for case in made.cases:
            alone = _bodies({name: replace(made, cases=(case,))})
            message = run_tests(promtool, rules, alone, run)
            results.append(TestResult(case.name, passed=not message, message=message))
    return (*results, *proofs.results)


def proof_files(slo: SLO, compiled: Compiled, world: World) -> tuple[File, ...]:
    """Return the generated tests of an SLO as files for promtool, beside the rule files of the same layout."""
    if not any(isinstance(intent, RuleSet) for intent in compiled.intents):
        return ()
    key = key_of(slo)
    stem = f"{key.kind.lower()}.{key.namespace}.{key.name}"
    files = []
    for name, made in proofs_of(slo, compiled, world).documents.items():
        rules = f"../rules/{stem}.yaml"
        if variant := _variant(name, made):
            # Beside the tests and not among them, so that a pattern finds tests only.
            rules = f"rules/{stem}.{variant}.yaml"
            files.append(File(f"prometheus/tests/{rules}", rule_text(slo, compiled, made), key))
        files.append(File(f"prometheus/tests/{stem}.{name}.yaml", document(made.body([rules])), key))
    return tuple({file.path: file for file in files}.values())


def rule_text(slo: SLO, compiled: Compiled, tests: Document) -> str:
    """Return the rule file of an SLO as it is for these tests."""
    sets = [moved(intent, tests.begin, tests.given) for intent in compiled.intents if isinstance(intent, RuleSet)]
    key = key_of(slo)
    return rulefile.text_of(rulefile.groups_of(sets, key), key)


def _variant(name: str, tests: Document) -> str:
    """Return what tells the rules of a document from those of others; empty for the rules as they are."""
    return name if tests.given else str(tests.begin or "")


def _rules_of(name: str, tests: Document) -> str:
    return f"rules.{_variant(name, tests)}.yaml"


def _bodies(documents: Mapping[str, Document]) -> dict[str, dict[str, object]]:
    return {f"{name}.yaml": made.body([_rules_of(name, made)]) for name, made in documents.items()}
