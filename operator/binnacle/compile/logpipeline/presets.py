r"""How the first line of a record looks, by what writes it.

Every other line belongs to the record before it. An exception under a log line is part of that line's record where the
language's loggers print it so (java, dotnet, nodejs); what a crash prints by itself begins a record (python, go), for a trace
without a line before it would come apart into its lines.
"""

from collections.abc import Mapping
from typing import Final

from binnacle.api.logpipeline_stages import Preset

_CONTINUES: Final = r"\A(?!\s|\z"
"""A line that is empty or begins with a blank is never the first one."""
_JVM_NAME: Final = r"(?:[A-Za-z_$][0-9A-Za-z_$]*\.){1,16}[A-Za-z_$][0-9A-Za-z_$]*"

STARTS: Final[Mapping[Preset, str]] = {
    Preset.INDENTED: rf"{_CONTINUES})",
    # java.lang.Throwable.printStackTrace: class and message, frames, causes; a crash begins with "Exception in thread".
    Preset.JAVA: rf"{_CONTINUES}|Caused by: |Suppressed: |\.\.\. [0-9]+ |Wrapped by: |{_JVM_NAME}(?:Exception|Error|Throwable)(?:: |\z))",
    # traceback.print_exception: header, frames, the exception; chains have two fixed sentences between.
    Preset.PYTHON: (
        rf"{_CONTINUES}|During handling of the above exception|The above exception was the direct cause"
        r"|(?:[A-Za-z_][0-9A-Za-z_]*\.){0,16}[A-Z][0-9A-Za-z_]*(?:Error|Exception|Warning|Exit|Interrupt|Iteration|Group)(?:: |\z))"
    ),
    # runtime/panic.go and runtime/traceback.go: after "panic: " come goroutines, functions with arguments, files behind a tab.
    Preset.GO: (
        rf"{_CONTINUES}|goroutine [0-9]+ |created by |\[signal |exit status |\[originating from "
        r"|(?:[^\s\"=:.]*\.)+[^\s\"=:.(]+\()"
    ),
    # lib/internal/util/inspect.js: frames are indented; an error with fields ends with a brace of its own.
    Preset.NODEJS: rf"{_CONTINUES}|[}}\]]|(?:[A-Z][0-9A-Za-z]*)?Error(?: \[[A-Z_]+\])?: )",
    # System.Exception.ToString: frames are indented, inner exceptions begin with an arrow.
    Preset.DOTNET: rf"{_CONTINUES}|--->|--- End of |{_JVM_NAME}(?:Exception|Error)(?: \([^)]*\))?(?:: |\z))",
}
"""Regular expressions (Ruby) that the first line of a record matches and no other line does."""
