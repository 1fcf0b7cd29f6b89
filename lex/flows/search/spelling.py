"""Which word was meant. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

#: Words that are looked at; the rest of a longer search is taken as it stands.
MOST = 8
_MOST_MEANT = 3
_MOST_WAYS = 12
#: A word of a search, with what stands before it: - leaves it out.
_WORD = re.compile(r"(?<!\w)-?[^\W_][\w'’]*")
_OPERATOR = "or"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word of the shop, and in how many entries it stands."""

    word: str
    frequency: int


def words_in(text: str) -> Iterator[str]:
    """The first words that have to be found, each once."""
    found = dict.fromkeys(match.lower() for match in _WORD.findall(text) if not match.startswith("-"))
    return (word for word, _ in zip((w for w in found if w != _OPERATOR), range(MOST), strict=False))


def replaced(text: str, better: Mapping[str, str]) -> str:
    """The text with words put right; everything else stays as it was typed."""

    def put_right(match: re.Match[str]) -> str:
        return better.get(match[0].lower(), match[0])

    return _WORD.sub(put_right, text)


def variants(text: str, meant: Mapping[str, Sequence[str]]) -> list[str]:
    """The text with its unknown words put right in every way, likeliest first; none when one of them has no other."""
    ways = [[*zip(meant, choice, strict=True)] for choice in product(*meant.values())] if meant else []
    return [replaced(text, dict(way)) for way in ways[:_MOST_WAYS]]


def meant(word: str, candidates: Sequence[Candidate]) -> list[str]:
    """The candidates near enough to be what was meant, likeliest first."""
    return [found[-1] for found in ranked(word, candidates) if found[0] <= slips_allowed(word)][:_MOST_MEANT]


def ranked(word: str, candidates: Sequence[Candidate]) -> list[tuple[int, bool, int, str]]:
    """Candidates as they sort: fewest slips, same first letter, most used; a longer word that starts so is one slip."""
    found = []
    for candidate in candidates:
        is_begun = len(word) >= 3 and candidate.word.startswith(word)
        distance = 1 if is_begun else slips(word, candidate.word)
        found.append((distance, candidate.word[0] != word[0], -candidate.frequency, candidate.word))
    return sorted(found)


def slips_allowed(word: str) -> int:
    """Short words are other words after two slips."""
    return 1 if len(word) <= 5 else 2 if len(word) <= 9 else 3


def slips(one: str, other: str) -> int:
    """Letters typed wrong, left out, put in, or two neighbours swapped: the least number that makes one the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]
