"""The target of log pipelines: a file for each in ConfigMaps beside Fluentd, and the file that includes them all.

The ConfigMaps are to be mounted into one folder (a projected volume): `binnacle.conf`, in the first, includes the others' files
by a pattern of their names, so it need not know in which ConfigMap a pipeline lies.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from binnacle.api.config import Config
from binnacle.intent.base import Intent
from binnacle.intent.pipeline import Pipeline
from binnacle.intent.refs import Key
from binnacle.targets.base import AggregateKey, File, Output, Owner, Resource, Share
from binnacle.targets.datakeys import DataKeys, KeyedTarget
from binnacle.targets.fluentd import conventions
from binnacle.targets.fluentd.pipelines import entry, written

_PURPOSE: Final = "pipeline files"
_FILES: Final = DataKeys("fluentd", _PURPOSE, ".conf", reserved=20_000)
_KIND: Final = "logpipeline"
_PATTERN: Final = f"{_KIND}.*.conf"
_ENTRY_PATH: Final = f"{conventions.FOLDER}/{conventions.ENTRY}"


class Fluentd(KeyedTarget):
    """Target: log pipelines for Fluentd."""

    name = _FILES.target
    keys = _FILES
    backend = "fluentd"
    spells: tuple[type[Intent], ...] = (Pipeline,)

    def resources(self, config: Config) -> tuple[Resource, ...]:
        """Return the kind of the objects that hold the files."""
        return (Resource("v1", "ConfigMap", "configmaps", config.fluentd.namespace),)

    def metadata_keys(self, config: Config) -> tuple[frozenset[str], frozenset[str]]:  # noqa: ARG002 - the protocol's shape
        """Return nothing: the objects have the common labels only."""
        return frozenset(), frozenset()

    def render(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[Share, ...]:
        """Spell the pipeline of a resource; nothing when it has none.

        Raises:
            SpecError: `OutputTooLarge`, the pipeline does not fit an object.
            ElementError: a name that Fluentd or a backend would take for something else.
        """
        return tuple(_shares(intents, owner.key, config))

    def spell(self, aggregate: AggregateKey, shard: int, shares: Mapping[Key, str], config: Config) -> Output:
        """Build one of the ConfigMaps that hold pipelines; the first has the file that includes all, even when there are none."""
        fixed = {conventions.ENTRY: entry(config, _PATTERN).text}
        return _FILES.spell(aggregate, shard, shares, config.instance, {}, fixed)

    def files(self, intents: Sequence[Intent], owner: Owner, config: Config) -> tuple[Share, ...]:
        """Spell the same for a folder: a share of the files that lie together."""
        return self.render(intents, owner, config)

    def assemble_files(self, aggregate: AggregateKey, shares: Mapping[Key, str], config: Config) -> tuple[File, ...]:  # noqa: ARG002 - the protocol's shape
        """Build the file of every pipeline, and the one that includes them."""
        if not shares:
            return ()
        pipelines = (File(f"{conventions.FOLDER}/{_FILES.name(key)}", shares[key], None) for key in sorted(shares))
        return (File(_ENTRY_PATH, entry(config, _PATTERN).text, None), *pipelines)

    def split_file(self, path: str, text: str, config: Config) -> tuple[Share, ...]:
        """Return the share that a pipeline's file is; nothing of any other file."""
        folder, _, name = path.rpartition("/")
        owner = _FILES.key(name) if folder == conventions.FOLDER else None
        if owner is None:
            return ()
        return (Share(AggregateKey(self.name, config.fluentd.namespace), owner, text, _PURPOSE),)


def _shares(intents: Sequence[Intent], key: Key, config: Config) -> Iterator[Share]:
    for pipeline in intents:
        if not isinstance(pipeline, Pipeline):
            continue
        file = written(key, pipeline, config)
        mark = conventions.version_id(key, file.version)
        yield Share(
            AggregateKey(_FILES.target, config.fluentd.namespace),
            key,
            _FILES.checked(file.text, key),
            _PURPOSE,
            (mark,),
            {"configHash": file.version},
        )
