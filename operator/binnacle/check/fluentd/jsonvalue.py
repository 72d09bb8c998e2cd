"""A bare array or hash in a configuration: where it ends, where a comment may begin, and where Ruby stood in it."""

from dataclasses import dataclass

from binnacle.check.fluentd.sections import RubyCode, Text, joined


@dataclass(slots=True)
class JsonLexer:
    """Where in a JSON text the reader is: in a string, after a backslash, in a comment, how deep."""

    depth: int = 0
    in_string: bool = False
    escaped: bool = False
    comment: str = ""
    previous: str = ""

    def closes(self, character: str) -> bool:
        """Take one character; whether it closes the outermost bracket."""
        previous, self.previous = self.previous, character
        if self.in_string:
            if self.escaped:
                self.escaped = False
            elif character == "\\":
                self.escaped = True
            elif character == '"':
                self.in_string = False
        elif self.comment:
            if (self.comment == "//" and character == "\n") or (self.comment == "/*" and previous + character == "*/"):
                self.comment = ""
                self.previous = ""
        elif previous == "/" and character in "/*":
            self.comment = previous + character
            self.previous = ""
        elif character == '"':
            self.in_string = True
        elif character in "[{":
            self.depth += 1
        elif character in "]}":
            self.depth -= 1
            return self.depth <= 0
        return False


def completed(buffer: str, *, array: bool) -> str:
    """Return what is tried when a `#` may begin a comment: the text so far, without a comma at its end, closed."""
    head, newline, line = buffer.rpartition("\n")
    line = line.rstrip(" \t\r\n\f\v\0")
    return head + newline + line.removesuffix(",") + ("]" if array else "}")


def unmarked(spelled: str, mark: str, found: list[RubyCode]) -> Text:
    """Put the pieces of Ruby back where the marks stand; marks within quotes of their own stood outside strings."""
    spelled = spelled.replace(f'"{mark}{mark}', mark).replace(f'{mark}{mark}"', mark)
    pieces = spelled.split(mark)
    return joined([found[int(piece)] if index % 2 else piece for index, piece in enumerate(pieces)])
