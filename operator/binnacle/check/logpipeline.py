"""Checks of log pipelines: the tests that a pipeline carries, run offline by a simulator of its stages.

They run with every compilation, and a pipeline whose test fails is not applied: its stages are one item, and the test says
that what comes out of them is wrong.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from binnacle.api.findings import Finding, Severity
from binnacle.api.logpipeline import LogPipeline, PipelineTest
from binnacle.api.reasons import Reason
from binnacle.check.base import Checked, TestResult
from binnacle.check.pipeline.run import Offline, Outcome
from binnacle.compile.onigmo.cost import LONGEST
from binnacle.compile.world import Compiled, World
from binnacle.intent.pipeline import Condition, Filter, Parse, Pattern, Pipeline, Redact, Route, Stage
from binnacle.intent.refs import Key

_MOST_WORK: Final = 300_000_000
"""A second or two."""
_SHOWN: Final = 120
_ABSENT: Final = object()


def check_logpipeline(pipeline: LogPipeline, compiled: Compiled, world: World) -> Checked:
    """Run the tests of a pipeline; `facts` has `tests` and `testsSummary` when it carries some."""
    results = prove_logpipeline(pipeline, compiled, world)
    if not results:
        return Checked()
    findings = tuple(
        Finding(Severity.ERROR, Reason.TEST_FAILED, one.path, one.message, "Correct the stages or the test.")
        for one in results
        if not one.passed and not one.unproved
    )
    passed = sum(one.passed for one in results)
    unproved = sum(bool(one.unproved) for one in results)
    tests = {"passed": passed, "total": len(results), **({"unproved": unproved} if unproved else {})}
    facts = {"tests": tests, "testsSummary": f"{passed}/{len(results)}"}
    return Checked(findings, facts, refused=bool(findings))


def prove_logpipeline(pipeline: LogPipeline, compiled: Compiled, world: World) -> tuple[TestResult, ...]:  # noqa: ARG001 - the shape of all tests
    """Run the tests of a pipeline."""
    tests = pipeline.spec.tests
    meant = next((intent for intent in compiled.intents if isinstance(intent, Pipeline)), None)
    if meant is None:
        why = "the pipeline does not compile"
        return tuple(TestResult(one.name, passed=False, unproved=why, path=_path(one.name)) for one in tests)
    if not tests:
        return ()
    key = Key(pipeline.kind, pipeline.metadata.namespace, pipeline.metadata.name)
    declared = frozenset(one.name for one in pipeline.spec.outputs)
    return _proved(key, meant, declared, json.dumps([one.model_dump(mode="json") for one in tests]))


def _path(name: str) -> str:
    return f"spec.tests[{name}]"


@lru_cache(maxsize=2048)  # the loop compiles what has not changed again and again
def _proved(key: Key, pipeline: Pipeline, declared: frozenset[str], tests: str) -> tuple[TestResult, ...]:
    offline = Offline(key, pipeline)
    routed = {name for stage in pipeline.stages if isinstance(stage, Route) for name in stage.outputs}
    whole = next((one.name for one in pipeline.outputs if one.name not in routed), None)
    given = [PipelineTest.model_validate(one, by_name=True) for one in json.loads(tests)]
    if _work(pipeline, given) > _MOST_WORK:
        why = "lines and patterns are so many, or so long, that running the tests would hold up other resources"
        return tuple(TestResult(one.name, passed=False, unproved=why, path=_path(one.name)) for one in given)
    return tuple(_result(one, offline, {one.name for one in pipeline.outputs}, declared, whole) for one in given)


def _work(pipeline: Pipeline, tests: Sequence[PipelineTest]) -> int:
    """Return how many characters all patterns look at in all tests, at worst."""
    longest = [one.longest for stage in pipeline.stages for one in _patterns(stage)]
    slow = sum(limit > 0 for limit in longest)
    work = 0
    for test in tests:
        size = sum(len(line) + 1 for line in test.input)
        work += size * (1 + len(longest)) + slow * size * min(size, LONGEST) // 2
    return work


def _patterns(stage: Stage) -> Sequence[Condition | Pattern | Parse]:
    match stage:
        case Redact():
            return stage.patterns
        case Filter():
            return (*stage.drop, *stage.keep)
        case Route():
            return stage.when
        case Parse():
            return (stage,)
        case _:
            return ()


def _result(
    test: PipelineTest, offline: Offline, in_place: set[str], declared: frozenset[str], whole: str | None
) -> TestResult:
    path = _path(test.name)
    if test.at is not None and test.at not in declared:
        return TestResult(test.name, passed=False, message=f"There is no output {test.at}.", path=f"{path}.at")
    at = test.at or whole
    if at is None or at not in in_place:
        why = (
            f"the output {at} is left out"
            if at is not None
            else "every output is named by a route; say at which to look"
        )
        return TestResult(test.name, passed=False, unproved=why, path=path)
    outcome = offline.run({"message": line} for line in test.input)
    message = _difference(test, outcome, at)
    return TestResult(test.name, passed=not message, message=message, path=path)


def _difference(test: PipelineTest, outcome: Outcome, at: str) -> str:
    """Return what came that was not expected, or an empty text."""
    came = outcome.records(at)
    for number, (wanted, record) in enumerate(zip(test.output, came, strict=False), start=1):
        wrong = _unlike(wanted, record, "", exact=test.exact)
        if wrong:
            return f"Record {number} at {at}: {wrong}"
    if len(came) == len(test.output):
        return ""
    stubs = [str(event.record.get("reason")) for event in outcome.quarantine]
    aside = f" {_count(len(stubs))} went to quarantine ({', '.join(dict.fromkeys(stubs))})." if stubs else ""
    more = (
        f" The first that was not expected: {_shown(came[len(test.output)])}." if len(came) > len(test.output) else ""
    )
    return f"{_count(len(test.output))} expected at {at}, and {_count(len(came))} came.{more}{aside}"


def _unlike(wanted: Any, came: Any, path: str, *, exact: bool) -> str:
    """Return in which field two values differ; fields that are not named do not matter unless `exact`."""
    if isinstance(wanted, Mapping) and isinstance(came, Mapping):
        for key, value in wanted.items():
            wrong = _unlike(value, came.get(key, _ABSENT), f"{path}.{key}" if path else key, exact=exact)
            if wrong:
                return wrong
        more = [key for key in came if key not in wanted] if exact else []
        return f"there is a field {_below(path, more[0])} that was not expected." if more else ""
    if isinstance(wanted, list) and isinstance(came, list) and len(wanted) == len(came):
        each = (
            _unlike(one, other, f"{path}[{at}]", exact=exact)
            for at, (one, other) in enumerate(zip(wanted, came, strict=True))
        )
        return next((wrong for wrong in each if wrong), "")
    if type(wanted) is type(came) and wanted == came:
        return ""
    if _is_number(wanted) and _is_number(came) and wanted == came:
        return ""
    if came is _ABSENT:
        return f"there is no field {path}; {_shown(wanted)} was expected."
    return f"{path or 'the record'} is {_shown(came)}, and {_shown(wanted)} was expected."


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(number: int) -> str:
    return f"{number} record{'' if number == 1 else 's'}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
