"""Fluentd as a backend: its configuration as values, one spelling, and the names that pipelines have in it.

    elements     Element(name, argument="", params=((key, value), ...), children=()), frozen; element(name, argument, {key: value | None}, [children])
                 values: str | int | float | bool | Json.of(mapping or list) | SecretFile(path); is_key(text); ElementError
    render       render(elements, heading=()) -> text; plain(value) -> what the plugin will read; secret_code(secret)
    conventions  label, plugin_id, tag, buffer_path, position_path, secret_path, data_key, owner_of, file_path

The law: `binnacle.check.fluentd.grammar.parse(render(elements)).root` equals `binnacle.check.fluentd.sections.written(elements)`, for
every text in every position.
"""

from binnacle.targets.fluentd.elements import Element, ElementError, Json, SecretFile, Value, element, is_key
from binnacle.targets.fluentd.render import render

__all__ = ["Element", "ElementError", "Json", "SecretFile", "Value", "element", "is_key", "render"]
