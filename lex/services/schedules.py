"""Weekly schedules as they are stored: {"monday": [["09:00", "17:00"]], …}, local times in a named zone. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import available_timezones

from lex.core.errors import FieldError

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")

Week = Mapping[str, Sequence[Sequence[str]]]


def faults(week: Week, timezone: str) -> Iterator[FieldError]:
    """Every fault of a weekly schedule. A window opens before it closes and may close at 24:00; none overlap."""
    if timezone not in available_timezones():
        yield FieldError("timezone", f"“{timezone[:60]}” is no time zone; use a name such as Europe/Berlin.")
    for day, windows in week.items():
        if day not in DAYS:
            yield FieldError("availability", f"“{day[:20]}” is no weekday; use {', '.join(DAYS)}.")
            continue
        yield from _day(day, windows)


def _day(day: str, windows: Sequence[Sequence[str]]) -> Iterator[FieldError]:
    closed_at = ""
    for number, window in enumerate(windows):
        place = f"availability.{day}.{number}"
        if len(window) != 2 or not all(_TIME.fullmatch(time) for time in window):
            yield FieldError(place, "A window is two times such as 09:00 and 17:00.")
        elif window[0] >= window[1]:
            yield FieldError(place, "A window opens before it closes; split it at midnight.")
        elif window[0] < closed_at:
            yield FieldError(place, "A window starts before the one ahead of it ends; sort or merge them.")
        else:
            closed_at = window[1]
