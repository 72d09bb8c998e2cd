"""How the stages, inputs and outputs of a log pipeline are spelled for Fluentd.

stages   spelled(key, pipeline) -> Spelled(elements, programs); quarantine(output) -> (Element, Program); output_label
program  Program(operation, data).code, applied(program), literal(value)
runtime  the Ruby of the programs
ends     sources(key, pipeline, ...) and outputs(key, pipeline, ...)
"""

from binnacle.targets.fluentd.stages.program import Program
from binnacle.targets.fluentd.stages.stages import Spelled, output_label, quarantine, spelled

__all__ = ["Program", "Spelled", "output_label", "quarantine", "spelled"]
