"""What a regular expression costs at worst in an engine that goes back: time by the length of the text.

The expression becomes an automaton whose states are the characters it may take (Glushkov). Time grows exponentially when one
state can come back to itself by two ways with the same text, and with the power of the longest chain of loops in which each
can hand over to the next in the middle of a text that both can take (Weber and Seidl, On the degree of ambiguity of finite
automata, 1991). A search begins at every place of the text, so it is such a loop itself.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import Final

from binnacle.compile.onigmo.components import components
from binnacle.compile.onigmo.tree import ANY, Ahead, Chars, Choice, Node, PatternError, Repeat, Sequence, read

LONGEST: Final = 8_192
"""Characters of a text up to which an expression may be used whose time grows with the square of the text."""
_MOST_STATES: Final = 1_500
_MOST_STEPS: Final = 20_000
_MOST_EDGES: Final = 40_000
_MOST_COPIES: Final = 64


class Growth(IntEnum):
    """How time grows with the text."""

    LINEAR = 1
    SQUARE = 2
    FASTER = 3


def growth(source: str) -> Growth:
    r"""Return how the time of a search for a valid expression grows with the text, at worst.

    Where `\A` is its first word, a search begins at the beginning of the text only.

    Raises:
        PatternError: nobody can tell, or it would take too long to.
    """
    judged = _judged(source)
    if isinstance(judged, str):
        raise PatternError(judged)
    return judged


# The same expressions come with every compilation. A pure memo: a short text in, a number or some words out.
@lru_cache(maxsize=2048)
def _judged(source: str) -> Growth | str:
    try:
        tree = read(source)
        anchored = source.startswith("\\A") and not isinstance(tree, Choice)
        if _exponential(_Automaton.of(tree, loops=True, searching=False)):
            return Growth.FASTER
        chain = _longest_chain(_Automaton.of(tree, loops=False, searching=not anchored))
    except PatternError as error:
        return str(error)
    return Growth(min(max(chain, 1), Growth.FASTER))


@dataclass(slots=True)
class _Automaton:
    """States, each taking one character of its set, and which may follow which.

    Attributes:
        takes: symbols by state.
        follows: states by state.
        twice: pairs of states of which one follows the other for two reasons.
        edges: how many have been drawn.
    """

    takes: list[int] = field(default_factory=list)
    follows: list[set[int]] = field(default_factory=list)
    twice: set[tuple[int, int]] = field(default_factory=set)
    edges: int = 0

    @classmethod
    def of(cls, tree: Node, *, loops: bool, searching: bool) -> "_Automaton":
        """Build it.

        Args:
            tree: the expression.
            loops: take repeats with an upper bound for repeats without; else they are written out.
            searching: put a loop before it that takes anything.
        """
        made = cls()
        first, _, _ = made._add(tree, loops)
        if searching:
            start = made._state(ANY)
            made._join([start], [start, *first])
        return made

    def _state(self, symbols: int) -> int:
        if len(self.takes) >= _MOST_STATES:
            raise PatternError("it is too large")
        self.takes.append(symbols)
        self.follows.append(set())
        return len(self.takes) - 1

    def _join(self, ends: Iterable[int], begins: Iterable[int]) -> None:
        begins = list(begins)
        for end in ends:
            for begin in begins:
                if begin in self.follows[end]:
                    self.twice.add((end, begin))
                self.follows[end].add(begin)
            self.edges += len(begins)
            if self.edges > _MOST_EDGES:
                raise PatternError("it is too large")

    def _add(self, node: Node, loops: bool) -> tuple[list[int], list[int], bool]:
        """Add a tree; returns the states that it begins and ends with, and whether it may take nothing."""
        match node:
            case Chars(symbols):
                state = self._state(symbols)
                return [state], [state], False
            case Ahead(body):
                first, _, _ = self._add(body, loops)
                return first, [], True
            case Choice(options):
                added = [self._add(option, loops) for option in options]
                return (
                    [s for f, _, _ in added for s in f],
                    [s for _, e, _ in added for s in e],
                    any(n for _, _, n in added),
                )
            case Sequence(parts):
                return self._sequence(self._add(part, loops) for part in parts)
            case Repeat(body, least, most):
                return self._repeat(body, least, most, loops)

    def _sequence(self, parts: Iterable[tuple[list[int], list[int], bool]]) -> tuple[list[int], list[int], bool]:
        first: list[int] = []
        ends: list[int] = []
        nullable = True
        for begins, lasts, empty in parts:
            self._join(ends, begins)
            if nullable:
                first += begins
            ends = ends + lasts if empty else lasts
            nullable = nullable and empty
        return first, ends, nullable

    def _repeat(self, body: Node, least: int, most: int | None, loops: bool) -> tuple[list[int], list[int], bool]:
        if most == 0:
            return [], [], True
        endless = most is None or (loops and most > max(least, 1)) or most > _MOST_COPIES
        if least > _MOST_COPIES:
            least = 1
        copies = max(least, 1) if endless else most or 1

        def each() -> Iterator[tuple[list[int], list[int], bool]]:
            for number in range(copies):
                begins, ends, empty = self._add(body, loops)
                if endless and number == copies - 1:
                    self._join(ends, begins)
                yield begins, ends, empty or number >= least

        return self._sequence(each())

    def loops(self) -> list[list[int]]:
        """Return the states by loop (strongly connected components that have an edge), in order of who leads to whom."""
        return [
            part
            for part in components(range(len(self.takes)), self.follows.__getitem__)
            if len(part) > 1 or part[0] in self.follows[part[0]]
        ]


def _exponential(automaton: _Automaton) -> bool:
    """Whether a state comes back to itself by two ways with one text."""
    steps = _Steps()
    for part in automaton.loops():
        inside = set(part)
        if any(one in inside and other in inside for one, other in automaton.twice):
            return True
        following = {one: [other for other in automaton.follows[one] if other in inside] for one in part}

        def pairs(pair: tuple[int, int], following: dict[int, list[int]] = following) -> Iterator[tuple[int, int]]:
            for one in following[pair[0]]:
                for other in following[pair[1]]:
                    steps.count()
                    if automaton.takes[one] & automaton.takes[other]:
                        yield one, other

        for together in components([(one, one) for one in part], pairs):
            same = [one == other for one, other in together]
            if any(same) and not all(same):
                return True
    return False


def _longest_chain(automaton: _Automaton) -> int:
    """Return how many loops can hand over to each other, one after the other."""
    steps = _Steps()
    parts = automaton.loops()
    reached = [_reachable(automaton, part) for part in parts]
    longest: dict[int, int] = {}
    # Components come with those first that others lead to, so what is after one in a chain has been dealt with.
    for number, part in enumerate(parts):
        after = (
            longest[other]
            for other in range(number)
            if longest and reached[number] & set(parts[other]) and _hands_over(automaton, part, parts[other], steps)
        )
        longest[number] = 1 + max(after, default=0)
        if longest[number] >= Growth.FASTER:
            break
    return max(longest.values(), default=0)


def _reachable(automaton: _Automaton, start: Iterable[int]) -> set[int]:
    found = set(start)
    work = deque(found)
    while work:
        for other in automaton.follows[work.popleft()]:
            if other not in found:
                found.add(other)
                work.append(other)
    return found


def _hands_over(automaton: _Automaton, part: list[int], later: list[int], steps: "_Steps") -> bool:
    """Whether a text leads a state of one loop to itself and to a state of a later loop, and that one to itself."""
    before, after = set(part), set(later)
    follows, takes = automaton.follows, automaton.takes
    for start in part:
        for end in later:
            seen = {(start, start, end)}
            work = deque(seen)
            while work:
                one, way, other = work.popleft()
                for x in follows[one] & before:
                    for y in follows[way]:
                        both = takes[x] & takes[y]
                        steps.count()
                        if not both:
                            continue
                        for z in follows[other] & after:
                            state = (x, y, z)
                            if both & takes[z] and state not in seen:
                                if state == (start, end, end):
                                    return True
                                seen.add(state)
                                work.append(state)
    return False


class _Steps:
    """A bound on the work."""

    def __init__(self) -> None:
        self.left = _MOST_STEPS

    def count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise PatternError("it is too intricate")
