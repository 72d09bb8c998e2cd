"""Fluentd as a backend: its configuration as values, one spelling, and the names that pipelines have in it.

    elements     Element(name, argument="", params=((key, value), ...), children=()), frozen; element(name, argument, {key: value | None}, [children])
                 values: str | int | float | bool | Json.of(mapping or list) | SecretFile | SecretPath | Prepared; is_key(text); ElementError
    render       render(elements, heading=(), includes=()) -> text; plain(value) -> what the plugin will read; embedded(value) -> its Ruby
    preludes     Ruby that runs before plugins are made
    conventions  label, plugin_id, tag, buffer_path, position_path, refused_path, secret_path, version_id, ENTRY
    stages       spelled(key, pipeline, secrets): the stages, as programs
    inputs       sources(key, pipeline, buffers)
    outputs      outputs(key, pipeline, buffers, secrets), quarantine_output(output, ...)
    pipelines    written(key, pipeline, config) -> the file of a pipeline; entry(config) -> the file that includes them
    target       Fluentd: the target

The law: `binnacle.check.fluentd.grammar.parse(render(elements)).root` equals `binnacle.check.fluentd.sections.written(elements)`, for
every text in every position.
"""

from binnacle.targets.fluentd.elements import (
    Element,
    ElementError,
    Json,
    Prepared,
    SecretFile,
    SecretPath,
    Value,
    element,
    is_key,
)
from binnacle.targets.fluentd.render import render

__all__ = [
    "Element",
    "ElementError",
    "Json",
    "Prepared",
    "SecretFile",
    "SecretPath",
    "Value",
    "element",
    "is_key",
    "render",
]
