"""The administrator's configuration from a file: what it says, or where the mistake is."""

from pathlib import Path

import pytest

from binnacle.api.config import Config, RuleOutput
from binnacle.errors import BinnacleError, SpecError
from binnacle.folder.context import read_config


def config(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_without_a_file_the_defaults_hold() -> None:
    assert read_config(None) == Config.from_data({})


@pytest.mark.parametrize("text", ["", "---\n", "# nothing yet\n", "{}", "---\n---\n", "\ufeff{}\n"])
def test_an_empty_file_is_the_defaults(tmp_path: Path, text: str) -> None:
    assert read_config(config(tmp_path, text)) == Config.from_data({})


def test_what_is_written_counts(tmp_path: Path) -> None:
    read = read_config(
        config(tmp_path, "instance: blue\nprometheus: {output: configMap, namespace: obs}\nreloadPeriod: 5m\n")
    )
    assert (read.instance, read.prometheus.output, read.prometheus.namespace) == ("blue", RuleOutput.CONFIG_MAP, "obs")
    assert str(read.reload_period) == "5m"


@pytest.mark.parametrize(
    ("text", "place", "says", "fix"),
    [
        ("prometheus: {outptu: configMap}\n", "1:14", "prometheus.outptu: There is no field outptu.", "Write output."),
        ("\n\nprometheus:\n  scrapeInterval: 30\n", "4:3", "prometheus.scrapeInterval: 30 is not a duration.", "5m"),
        ("prometheus: 5\n", "1:1", "prometheus", ""),
        ("namespaces: shop\n", "1:1", "namespaces", ""),
        ("namespaces: [shop, Shop_1]\n", "1:20", "namespaces[1]", "lower-case letters"),
        ("prometheus: {ruleLabels: {release: 5}}\n", "1:27", "prometheus.ruleLabels.release", "quotes"),
        ("a: 1\na: 2\n", "2:1", "a is written twice", "Keep one"),
        ("a: [\n", "2:1", "This is not YAML", "Close the [ or {"),
        ("a: b: c\n", "1:5", "mapping values are not allowed", "in quotes"),
        ("a: @b\n", "1:4", "cannot start any token", "in quotes"),
        ("a: *b\n", "1:4", "", "begins with *"),
        ("a: 'b", "1:", "This is not YAML", "Close the quotes."),
        ("a: !!python/name:os.system x\n", "1:4", "The tag", "Take the tag away."),
        ("a: " + "[" * 300 + "]" * 300, "1:", "nested more than", "Nest less."),
    ],
)
def test_a_mistake_is_told_with_its_place_its_field_and_the_fix(
    tmp_path: Path, text: str, place: str, says: str, fix: str
) -> None:
    path = config(tmp_path, text)
    with pytest.raises(SpecError) as caught:
        read_config(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{place}")
    assert says in message
    assert fix in message


def test_all_mistakes_are_told_in_reading_order(tmp_path: Path) -> None:
    path = config(tmp_path, "prometheus:\n  url: x\n  output: wat\ninstanc: a\n")
    with pytest.raises(SpecError) as caught:
        read_config(path)
    assert [line.removeprefix(f"{path}:").split(":")[0] for line in str(caught.value).splitlines()] == ["2", "3", "4"]
    assert caught.value.path == "prometheus.url"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}\n---\na: 1\n", "holds 2 documents"),
        ("[1, 2]\n", "must hold fields and their values"),
        ("just text\n", "must hold fields and their values"),
        (b"\xff\xfe", "not UTF-8 text"),
        (b"# " + b"x" * (3 * 1024 * 1024), "too large"),
    ],
)
def test_what_is_no_configuration_at_all(tmp_path: Path, text: str | bytes, says: str) -> None:
    path = config(tmp_path, text)
    with pytest.raises(BinnacleError, match=says) as caught:
        read_config(path)
    assert str(path) in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BinnacleError, match="No such file"):
        read_config(tmp_path / "none.yaml")
    with pytest.raises(BinnacleError, match="Is a directory"):
        read_config(tmp_path)
