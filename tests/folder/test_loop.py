"""The loop on a folder: OUT follows IN, what is good stays, what is somebody else's is not touched, and rest is rest."""

import copy
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.slo_cases import good_slo, put
from binnacle.api.config import Config
from binnacle.control.toolchain import shipped
from binnacle.errors import BinnacleError, TransientError
from binnacle.folder.loop import FolderLoop, Turn
from binnacle.folder.reloads import Reloads
from binnacle.targets.registry import TARGETS

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
URL = "http://127.0.0.1/-/reload"
RULES = "prometheus/rules/slo.shop.{}.yaml"
STATUS = "status/slo.shop.{}.yaml"


class AtOnce(Executor):
    """Runs what it is given before it returns."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BinnacleError as error:
            future.set_exception(error)
        return future


@dataclass
class World:
    """IN and OUT, a clock that a test moves, and a backend that can be away."""

    source: Path
    out: Path
    seconds: float = 0.0
    day: date = date(2026, 1, 5)
    posts: list[str] = field(default_factory=list)
    away: bool = False
    turns: list[Turn] = field(default_factory=list)

    def loop(self) -> FolderLoop:
        return FolderLoop(
            self.source,
            self.out,
            shipped(Config.from_data({"prometheus": {"output": "operator"}})),
            reloads=Reloads([URL], self._post, AtOnce(), lambda: self.seconds),
            today=lambda: self.day,
            now=lambda: datetime(2026, 1, 5, tzinfo=UTC) + timedelta(seconds=self.seconds),
            monotonic=lambda: self.seconds,
            tell=self.turns.append,
        )

    def _post(self, url: str) -> None:
        self.posts.append(url)
        if self.away:
            raise TransientError("away")

    def live(self, loop: FolderLoop, *acts: Callable[[], object], seconds: float = 10.0) -> None:
        """Run the loop; one act after the other, each after some seconds of rest."""
        todo = list(acts)
        left = seconds

        def wait(pause: float) -> bool:
            nonlocal left
            self.seconds += pause
            left -= pause
            if left <= 0:
                if not todo:
                    return True
                todo.pop(0)()
                left = seconds
            return False

        loop.run(wait)

    def write(self, *objects: dict[str, Any], name: str = "slos.yaml") -> None:
        self.source.mkdir(exist_ok=True)
        (self.source / name).write_text(yaml.safe_dump_all(objects, sort_keys=False))

    def read(self, path: str) -> str:
        return (self.out / path).read_text()

    def status(self, name: str) -> dict[str, Any]:
        body: dict[str, Any] = yaml.safe_load(self.read(STATUS.format(name)))
        return body

    def condition(self, name: str, kind: str) -> tuple[str, str] | None:
        found = [one for one in self.status(name)["status"]["conditions"] if one["type"] == kind]
        return (found[0]["status"], found[0]["reason"]) if found else None

    def tree(self) -> dict[str, tuple[bytes, int, int]]:
        files = [path for path in self.out.rglob("*") if path.is_file()]
        return {str(path): (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in files}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "in", tmp_path / "out")
    made.write(good_slo("a"), good_slo("b"))
    return made


def changed(name: str, path: str, value: object) -> dict[str, Any]:
    obj = copy.deepcopy(good_slo(name))
    put(path, value)(obj)
    return obj


def bad(name: str) -> dict[str, Any]:
    return changed(name, "spec.indicator.ratio.errors", "x{")


# -- following ------------------------------------------------------------------------------------------------------


def test_out_follows_in(world: World) -> None:
    def check_first() -> None:
        assert "groups:" in world.read(RULES.format("a"))
        assert world.condition("a", "Ready") == ("True", "Applied")
        assert world.condition("a", "Live") == ("Unknown", "BackendNotConfigured")
        world.write(changed("a", "spec.objective", "99%"))

    world.live(world.loop(), check_first)
    assert world.status("a")["status"]["observedGeneration"] == 2
    assert not (world.out / RULES.format("b")).exists()
    assert not (world.out / STATUS.format("b")).exists()
    assert world.posts == [URL, URL]


def test_at_rest_nothing_is_written_and_nobody_is_told(world: World) -> None:
    loop = world.loop()
    loop.turn()
    before = world.tree()
    world.live(loop, seconds=60)
    world.live(world.loop(), seconds=60)  # nor after a restart
    assert world.tree() == before
    assert len(world.posts) == 1
    assert len(world.turns) == 2


def test_a_new_day_is_a_change(world: World) -> None:
    def tomorrow() -> None:
        world.day += timedelta(days=1)

    world.live(world.loop(), tomorrow)
    assert len(world.turns) == 2


def test_a_burst_of_edits_is_one_turn_and_restless_folders_do_not_starve(world: World) -> None:
    loop = world.loop()
    edits = 0

    def wait(pause: float) -> bool:
        nonlocal edits
        world.seconds += pause
        edits += 1
        world.write(changed("a", "spec.objective", f"99.{edits:04}%"))
        return world.seconds > 12

    loop.run(wait)
    assert 1 <= len(world.turns) <= 3


def test_generation_counts_specs_and_not_labels_or_restarts(world: World) -> None:
    def generation() -> int:
        return int(world.status("a")["metadata"]["generation"])

    world.loop().turn()
    world.write(changed("a", "metadata.labels", {"team": "x"}))
    world.loop().turn()
    assert generation() == 1
    world.write(changed("a", "spec.objective", "99%"))
    world.loop().turn()
    assert generation() == 2


# -- what is good stays ---------------------------------------------------------------------------------------------


def test_what_does_not_compile_keeps_its_last_good_files_and_says_so(world: World) -> None:
    loop = world.loop()
    loop.turn()
    before = world.read(RULES.format("a")), world.read(RULES.format("b")), world.read(STATUS.format("b"))
    world.write(bad("a"), good_slo("b"))
    loop.turn()
    assert (world.read(RULES.format("a")), world.read(RULES.format("b")), world.read(STATUS.format("b"))) == before
    assert world.condition("a", "Ready") == world.condition("a", "Accepted") == ("False", "PromQLSyntax")
    assert "The last good version stays" in world.read(STATUS.format("a"))
    assert world.status("a")["status"]["children"]
    assert world.status("a")["status"]["alerts"]
    assert len(world.posts) == 0
    assert loop.turn().changes.written == ()


def test_errors_are_news_once(world: World) -> None:
    world.write(bad("a"))
    loop = world.loop()
    assert [item.key.name for item in loop.turn().news] == ["a"]
    world.write(bad("a"), bad("b"))
    assert [item.key.name for item in loop.turn().news] == ["b"]
    assert loop.turn().news == ()


def test_a_file_that_cannot_be_read_takes_nothing_away(world: World) -> None:
    loop = world.loop()
    loop.turn()
    before = world.read(RULES.format("a"))
    (world.source / "slos.yaml").write_text("a: [")
    turn = loop.turn()
    assert turn.changes.removed == ()
    assert turn.news
    assert world.read(RULES.format("a")) == before


def test_a_spec_that_cannot_be_read_keeps_its_generation(world: World) -> None:
    loop = world.loop()
    loop.turn()
    text = (world.source / "slos.yaml").read_text().replace("objective: 99.9%", "objective: !!bad 99.9%", 1)
    (world.source / "slos.yaml").write_text(text)
    loop.turn()
    assert world.status("a")["metadata"]["generation"] == 1
    assert world.condition("a", "Ready") == ("False", "YAMLUnsupported")
    world.write(good_slo("a"), good_slo("b"))
    loop.turn()
    assert world.status("a")["metadata"]["generation"] == 1
    assert world.condition("a", "Ready") == ("True", "Applied")


def test_shares_of_common_files_stay_also_after_a_restart(world: World) -> None:
    world.source.mkdir(exist_ok=True)
    for path in QUICKSTART.glob("*.yaml"):
        (world.source / path.name).write_text(path.read_text())
    world.loop().turn()
    common = ("alertmanager/alertmanager.yaml", "prometheus/scrape.yaml")
    before = [world.read(path) for path in common]
    for name in ("payments-alertpolicy.yaml", "shop-metricset.yaml"):
        path = world.source / name
        path.write_text(path.read_text().replace("\nspec:\n", "\nspec:\n  nonsense: true\n"))
    turn = world.loop().turn()
    assert sum(not wants.valid for wants in turn.compilation.outcome.desired.values()) == 2
    assert [world.read(path) for path in common] == before


def test_common_files_come_apart_as_they_were_put_together(world: World) -> None:
    for path in QUICKSTART.glob("*.yaml"):
        (world.source / path.name).write_text(path.read_text())
    config = Config.from_data({"prometheus": {"output": "operator"}})
    outcome = world.loop().turn().compilation.outcome
    shares = {share for wants in outcome.desired.values() for share in wants.shares}
    found = [
        share
        for file in outcome.files
        for target in TARGETS
        for share in target.split_file(file.path, file.text, config)
    ]
    assert {(one.aggregate, one.owner, one.fragment) for one in found} == {
        (one.aggregate, one.owner, one.fragment) for one in shares
    }
    assert shares


def test_in_that_is_away_for_a_while_takes_nothing_away(world: World, tmp_path: Path) -> None:
    def go() -> None:
        world.source.rename(tmp_path / "away")

    def check_and_return() -> None:
        assert (world.out / RULES.format("a")).exists()
        (tmp_path / "away").rename(world.source)
        world.write(good_slo("a"))

    world.live(world.loop(), go, check_and_return, seconds=30)
    assert not (world.out / RULES.format("b")).exists()


@pytest.mark.parametrize(
    ("path", "value", "reason"), [("spec.suspend", True, "Suspended"), ("spec.mode", "DryRun", "DryRun")]
)
def test_edits_wait_while_suspended_or_tried(world: World, path: str, value: object, reason: str) -> None:
    loop = world.loop()
    loop.turn()
    before = world.read(RULES.format("a"))
    edited = changed("a", path, value)
    edited["spec"]["objective"] = "99%"
    world.write(edited, changed("new", path, value), good_slo("b"))
    loop.turn()
    assert world.read(RULES.format("a")) == before
    assert world.condition("a", "Ready") == ("True", reason)
    if reason == "DryRun":
        actions = {name: [one["action"] for one in world.status(name)["status"]["changes"]] for name in ("a", "new")}
        assert actions == {"a": ["Update"], "new": ["Create"]}


def test_a_dry_run_tells_of_common_files_too(world: World) -> None:
    for path in QUICKSTART.glob("*.yaml"):
        (world.source / path.name).write_text(path.read_text())
    loop = world.loop()
    loop.turn()
    before = world.read("alertmanager/alertmanager.yaml")
    policy = world.source / "payments-alertpolicy.yaml"
    tried = policy.read_text().replace("\nspec:\n", "\nspec:\n  mode: DryRun\n")

    def changes() -> list[tuple[str, str]]:
        body = yaml.safe_load(world.read("status/alertpolicy.shop.payments.yaml"))
        return [(one["action"], one["name"]) for one in body["status"]["changes"]]

    policy.write_text(tried)
    loop.turn()
    assert changes() == []
    policy.write_text(tried.replace("oncall", "others"))
    assert policy.read_text() != tried
    loop.turn()
    assert changes() == [("Update", "alertmanager/alertmanager.yaml")]
    assert world.read("alertmanager/alertmanager.yaml") == before


# -- somebody else --------------------------------------------------------------------------------------------------


def test_what_somebody_does_to_our_files_is_undone(world: World) -> None:
    names = [RULES.format("a"), RULES.format("b"), STATUS.format("a"), STATUS.format("b")]
    kept: list[str] = []

    def meddle() -> None:
        kept.extend(world.read(name) for name in names)
        (world.out / names[0]).write_text("edited")
        (world.out / names[1]).unlink()
        (world.out / names[2]).write_text(world.read(names[2]).replace("generation: 1", "generation: 7"))
        (world.out / names[3]).unlink()

    world.live(world.loop(), meddle)
    assert [world.read(name) for name in names] == kept
    assert len(world.posts) == 2


@pytest.mark.parametrize("text", ["", "[", "a: 1", "metadata: 3\nstatus: []", "status: {conditions: [{}]}", "\0"])
def test_a_damaged_status_counts_as_gone(world: World, text: str) -> None:
    world.loop().turn()
    (world.out / STATUS.format("a")).write_text(text)
    world.loop().turn()
    assert world.status("a")["metadata"]["generation"] == 1
    assert world.condition("a", "Ready") == ("True", "Applied")


def test_a_file_of_somebody_else_stands_and_harms_only_the_resource_whose_name_it_takes(world: World) -> None:
    place = world.out / RULES.format("a")
    place.parent.mkdir(parents=True)
    place.write_text("mine")
    other = world.out / "mine.yaml"
    other.write_text("mine")

    def check_and_free() -> None:
        assert (place.read_text(), other.read_text()) == ("mine", "mine")
        assert world.condition("a", "Ready") == ("False", "NameTaken")
        assert world.condition("b", "Ready") == ("True", "Applied")
        place.unlink()

    world.live(world.loop(), check_and_free)
    assert world.condition("a", "Ready") == ("True", "Applied")
    assert "groups:" in place.read_text()
    assert other.read_text() == "mine"


@pytest.mark.parametrize("name", ["../../x", "a/b", "a.b", "", "x" * 300, "A", "a\nb"])
def test_a_hostile_name_writes_nowhere_and_stops_nobody(world: World, tmp_path: Path, name: str) -> None:
    world.write(good_slo(name), good_slo("b"))
    world.loop().turn()
    assert world.condition("b", "Ready") == ("True", "Applied")
    assert [path.name for path in (world.out / "status").iterdir()] == ["slo.shop.b.yaml"]
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


# -- telling --------------------------------------------------------------------------------------------------------


def test_a_backend_that_is_away_is_told_again_later_and_once(world: World) -> None:
    world.away = True

    def back() -> None:
        assert 3 <= len(world.posts) <= 6, "with growing pauses"
        world.away = False
        world.posts.clear()

    world.live(world.loop(), back, seconds=30)
    assert world.posts == [URL]


def test_status_alone_is_nothing_to_tell(world: World) -> None:
    loop = world.loop()
    world.live(loop, lambda: world.write(bad("a"), good_slo("b")))
    assert world.condition("a", "Ready") == ("False", "PromQLSyntax")
    assert len(world.posts) == 1
