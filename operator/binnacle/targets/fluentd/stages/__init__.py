"""How the stages of a log pipeline are spelled for Fluentd.

stages   spelled(key, pipeline, secrets) -> Spelled(elements, programs); quarantine(output) -> (Element, Program); output_label
program  Program(operation, data).code, applied(program), literal(value)
runtime  the Ruby of the programs
"""

from binnacle.targets.fluentd.stages.program import Program, applied
from binnacle.targets.fluentd.stages.stages import Spelled, output_label, quarantine, spelled, whole_streams

__all__ = ["Program", "Spelled", "applied", "output_label", "quarantine", "spelled", "whole_streams"]
