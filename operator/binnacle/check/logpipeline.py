"""Checks of log pipelines: the tests that a pipeline carries, run offline by a simulator of its stages.

They run with every compilation, and a pipeline whose test fails is not applied: its stages are one item, and the test says
that what comes out of them is wrong.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
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

_MOST_WORK: Final = 30_000_000
"""Steps that tests may take while other resources wait. Measured on one of two cores, at this bound: objects of keys of three letters 0.22 s of
processor time, many short lines 0.27 s, slow patterns on long lines 0.1 s, lines full of mail addresses 0.03 s."""
_MAKING: Final = 30_000
"""Steps that it takes to make a pattern ready."""
_PASSING: Final = 2_500
"""Steps that a line takes through a stage, whatever the stage does."""
_LOOKING: Final = 64
"""Steps that a pattern takes for a character, where each is a text of its own (`{"a":1,...}`) or most of them are found."""
_REMEMBERED: Final = 1 << 15
"""Characters of tests whose results are kept."""
_SHOWN: Final = 120
_ABSENT: Final = object()


def check_logpipeline(pipeline: LogPipeline, compiled: Compiled, world: World) -> Checked:  # noqa: ARG001 - the shape of all checks
    """Run the tests of a pipeline; `facts` has `tests` and `testsSummary` when it carries some."""
    results = _tested(pipeline, compiled, _MOST_WORK)
    if not results:
        return Checked()
    failed = [
        Finding(Severity.ERROR, Reason.TEST_FAILED, one.path, one.message, "Correct the stages or the test.")
        for one in results
        if not one.passed and not one.unproved
    ]
    passed = sum(one.passed for one in results)
    unproved = sum(bool(one.unproved) for one in results)
    tests = {"passed": passed, "total": len(results), **({"unproved": unproved} if unproved else {})}
    facts = {"tests": tests, "testsSummary": f"{passed}/{len(results)}"}
    return Checked((*failed, *_not_run(results)), facts, refused=bool(failed))


def _not_run(results: Sequence[TestResult]) -> Iterator[Finding]:
    """Say which tests say nothing about the pipeline; those of one that does not compile need no more words."""
    paths: dict[tuple[str, str], list[str]] = {}
    for one in results:
        if one.unproved and one.fix:
            paths.setdefault((one.unproved, one.fix), []).append(one.path)
    for (why, fix), where in paths.items():
        path = where[0] if len(where) == 1 else "spec.tests"
        what = "The test was not run" if len(where) == 1 else f"{len(where)} tests were not run"
        yield Finding(Severity.WARNING, Reason.TEST_NOT_RUN, path, f"{what}: {why}.", fix)


def prove_logpipeline(pipeline: LogPipeline, compiled: Compiled, world: World) -> tuple[TestResult, ...]:  # noqa: ARG001 - the shape of all tests
    """Run the tests of a pipeline, however long that takes."""
    return _tested(pipeline, compiled, None)


def _tested(pipeline: LogPipeline, compiled: Compiled, most: int | None) -> tuple[TestResult, ...]:
    tests = pipeline.spec.tests
    meant = next((intent for intent in compiled.intents if isinstance(intent, Pipeline)), None)
    if meant is None:
        why = "the pipeline does not compile"
        return tuple(TestResult(one.name, passed=False, unproved=why, path=_path(one.name)) for one in tests)
    if not tests:
        return ()
    key = Key(pipeline.kind, pipeline.metadata.namespace, pipeline.metadata.name)
    declared = frozenset(one.name for one in pipeline.spec.outputs)
    given = json.dumps([one.model_dump(mode="json") for one in tests])
    proved = _proved if most is not None and len(given) < _REMEMBERED else _proved.__wrapped__
    return proved(key, meant, declared, given, most)


def _path(name: str) -> str:
    return f"spec.tests[{name}]"


# The loop compiles what has not changed again and again. A pure memo: frozen values in and out, so many, and none with long tests.
@lru_cache(maxsize=256)
def _proved(
    key: Key, pipeline: Pipeline, declared: frozenset[str], tests: str, most: int | None
) -> tuple[TestResult, ...]:
    routed = {name for stage in pipeline.stages if isinstance(stage, Route) for name in stage.outputs}
    whole = next((one.name for one in pipeline.outputs if one.name not in routed), None)
    given = [PipelineTest.model_validate(one, by_name=True) for one in json.loads(tests)]
    if most is not None and _work(pipeline, given) > most:
        why = "lines, stages and patterns are so many, or so long, that running them would hold up other resources"
        fix = "Run binnacle test, which runs them all; or keep fewer or shorter lines."
        return tuple(TestResult(one.name, passed=False, unproved=why, path=_path(one.name), fix=fix) for one in given)
    offline = Offline(key, pipeline)
    return tuple(_result(one, offline, {one.name for one in pipeline.outputs}, declared, whole) for one in given)


def _work(pipeline: Pipeline, tests: Sequence[PipelineTest]) -> int:
    """Return how many steps all tests take, at worst."""
    longest = [one.longest for stage in pipeline.stages for one in _patterns(stage)]
    slow = sum(limit > 0 for limit in longest)
    work = _MAKING * (1 + len(longest))
    for test in tests:
        size = sum(len(line) + 1 for line in test.input)
        work += _PASSING * len(test.input) * (1 + len(pipeline.stages))
        work += _LOOKING * size * (1 + len(longest)) + slow * size * min(size, LONGEST) // 2
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
        if at is not None:
            why, fix = f"the output {at} is left out", "Correct the output, or look at another."
        else:
            why, fix = "every output is named by a route", "Say at which output to look (at)."
        return TestResult(test.name, passed=False, unproved=why, path=path, fix=fix)
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
