"""What is wrong with a product file: line, column, what, and the way out."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from lex.core.errors import Refusal

KEPT = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """An `error` leaves a row out; a `note` tells what was understood otherwise. Lines count from 1, the header's."""

    line: int
    column: str
    message: str
    way_out: str
    kind: Literal["error", "note"] = "error"


class UnreadableFile(Refusal):
    """The file as a whole cannot be imported; nothing was changed."""

    status = 422
    code = "unreadable_file"


@dataclass(slots=True)
class Problems:
    """All problems of a run: the first `KEPT` in full, the rest counted. A note is told once, with its number."""

    listed: list[Problem] = field(default_factory=list)
    errors: int = 0
    notes: Counter[tuple[str, str]] = field(default_factory=Counter)
    _first: dict[tuple[str, str], Problem] = field(default_factory=dict)

    def add(self, problems: Iterable[Problem]) -> None:
        """Take problems up."""
        for problem in problems:
            if problem.kind == "error":
                self.errors += 1
                if len(self.listed) < KEPT:
                    self.listed.append(problem)
            else:
                key = (problem.column, problem.message)
                self.notes[key] += 1
                self._first.setdefault(key, problem)

    def first_notes(self) -> list[tuple[Problem, int]]:
        """Each kind of note: its first place and how often it came."""
        return [(self._first[key], number) for key, number in self.notes.items()]
