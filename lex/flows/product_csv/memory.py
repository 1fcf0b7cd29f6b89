"""What a file said otherwise than Lex would write it, kept so that an export gives the same cells back.

After a family is read it is written again at once; each cell that differs is remembered as [written, said]. An export
writes the family as it is now: where it still writes the same, the file's own cell takes its place ("50" for "50.00",
a column Lex does not know); where the shop has changed since, the new cell stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lex.flows.product_csv.family import Memory


@dataclass(slots=True)
class Written:
    """One record as a format writes it, apart by what the cells belong to. `item` and `image` are positions."""

    family: dict[str, str] = field(default_factory=dict)
    variant: dict[str, str] = field(default_factory=dict)
    picture: dict[str, str] = field(default_factory=dict)
    item: int | None = None
    image: int | None = None


def differences(written: Mapping[str, str], said: Mapping[str, str]) -> Memory:
    """The cells a file has otherwise; a missing column is an empty cell."""
    return {
        column: [written.get(column, ""), said.get(column, "")]
        for column in {**written, **said}
        if written.get(column, "") != said.get(column, "")
    }


def recalled(written: Mapping[str, str], memory: Memory) -> dict[str, str]:
    """The cells of an export: the file's own where nothing has changed since."""
    cells = dict(written)
    for column, (before, said) in memory.items():
        if written.get(column, "") == before:
            cells[column] = said
    return cells
