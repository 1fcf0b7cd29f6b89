"""Every bad field of some input, each with a sentence.

msgspec stops at the first fault. Its decoder stays the fast path and the only judge; when it refuses, this walk over
the same type tells what is wrong everywhere, so that a form can mark all its fields at once.
"""

import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import inspect

from lex.core.errors import FieldError

#: How many faults are listed; a list of ten thousand bad lines is told by its first.
MOST = 50

_PLAIN: dict[type[inspect.Type], tuple[Any, str]] = {
    inspect.IntType: (int, "a whole number"),
    inspect.FloatType: (float, "a number"),
    inspect.StrType: (str, "text"),
    inspect.BoolType: (bool, "true or false"),
    inspect.NoneType: (None, "null"),
    inspect.UUIDType: (UUID, "an id such as 0199c9a0-7b1e-7c3a-9f52-5a0c6f1d2e3b"),
    inspect.DateTimeType: (datetime, "an instant such as 2026-11-05T09:00:00Z"),
    inspect.DateType: (date, "a date such as 2026-11-05"),
    inspect.TimeType: (time, "a time such as 09:00:00"),
    inspect.TimeDeltaType: (timedelta, "a duration such as PT30M"),
    inspect.DecimalType: (Decimal, "an amount such as 19.90"),
}
_LIMITS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "tz")
_LISTS = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)


def faults(annotation: Any, value: Any, path: str = "", *, lax: bool = False) -> list[FieldError]:
    """What is wrong with plain data `value` as `annotation`; `path` is the name it stands under.

    `lax` reads text as numbers and booleans, as query strings need. Empty when nothing was found.
    """
    try:
        info = inspect.type_info(annotation)
    except TypeError:
        return []
    found: list[FieldError] = []
    for fault in _walk(info, value, path, lax):
        found.append(fault)
        if len(found) == MOST:
            break
    return found


def unusable_text(value: Any, path: str = "") -> Iterator[FieldError]:
    """Text that PostgreSQL cannot store: NUL characters, and surrogates without their other half."""
    if isinstance(value, str):
        if "\x00" in value:
            yield FieldError(path, "Must not contain the NUL character.", "text")
        elif any("\ud800" <= character <= "\udfff" for character in value):
            yield FieldError(path, "Contains half of a character (a lone surrogate); send whole characters.", "text")
    elif isinstance(value, dict):
        for key, inner in value.items():
            if next(unusable_text(key), None):
                yield FieldError(path, "Has a field whose name is not text.", "text")
            yield from unusable_text(inner, _join(path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from unusable_text(inner, _join(path, index))


def _join(path: str, part: object) -> str:
    name = str(part).encode("utf-8", "replace").decode().replace("\x00", "\ufffd")[:80]
    return f"{path}.{name}" if path else name


def _walk(info: inspect.Type, value: Any, path: str, lax: bool) -> Iterator[FieldError]:
    info, must = _plain(info)
    if isinstance(info, inspect.UnionType):
        yield from _union(info, value, path, lax)
    elif isinstance(info, inspect.StructType) and isinstance(value, dict):
        yield from _struct(info, value, path)
    elif isinstance(info, inspect.DictType) and isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(info.value_type, inner, _join(path, key), lax)
    elif isinstance(info, _LISTS) and isinstance(value, list):
        yield from _list(info, value, path, lax)
    elif not _fits(info, value, lax):
        yield FieldError(path, must or f"Must be {describe(info)}, not {shown(value)}.", _code(info, value, lax))


def _plain(info: inspect.Type) -> tuple[inspect.Type, str]:
    """The type without its metadata, and the sentence the type brings for itself (`Meta(extra={"must": …})`)."""
    must = ""
    while isinstance(info, inspect.Metadata):
        must = str((info.extra or {}).get("must", must))
        info = info.type
    return info, must


def _struct(info: inspect.StructType, value: dict[str, Any], path: str) -> Iterator[FieldError]:
    known = {field.encode_name: field for field in info.fields}
    for name, field in known.items():
        if name in value:
            yield from _walk(field.type, value[name], _join(path, name), lax=False)
        elif field.required:
            yield FieldError(_join(path, name), f"Is missing; it must be {describe(field.type)}.", "missing")
    if info.forbid_unknown_fields:
        for name in value:
            if name not in known and name != info.tag_field:
                yield FieldError(
                    _join(path, name), f"Is not accepted here; the fields are {', '.join(known) or 'none'}.", "unknown"
                )


def _list(info: Any, value: list[Any], path: str, lax: bool) -> Iterator[FieldError]:
    least, most = info.min_length or 0, info.max_length
    if len(value) < least or (most is not None and len(value) > most):
        yield FieldError(path, f"Must be {describe(info)}; it has {len(value)}.", "length")
    for index, inner in enumerate(value):
        yield from _walk(info.item_type, inner, _join(path, index), lax)


def _union(info: inspect.UnionType, value: Any, path: str, lax: bool) -> Iterator[FieldError]:
    members = [_plain(member)[0] for member in info.types]
    structs = [member for member in members if isinstance(member, inspect.StructType)]
    if isinstance(value, dict) and structs:
        yield from _tagged(structs, value, path)
        return
    if isinstance(value, list) and (lists := [member for member in members if isinstance(member, _LISTS)]):
        yield from _list(lists[0], value, path, lax)
        return
    if any(not list(_walk(member, value, path, lax)) for member in info.types):
        return
    real = [member for member in info.types if not isinstance(member, inspect.NoneType)]
    if len(real) == 1:
        yield from _walk(real[0], value, path, lax)
    else:
        yield FieldError(path, f"Must be {describe(info)}, not {shown(value)}.", "type")


def _tagged(structs: list[inspect.StructType], value: dict[str, Any], path: str) -> Iterator[FieldError]:
    """One struct, or several told apart by a tag."""
    if len(structs) == 1:
        yield from _struct(structs[0], value, path)
        return
    tag_field = structs[0].tag_field or "type"
    chosen = [struct for struct in structs if struct.tag == value.get(tag_field)]
    if chosen:
        yield from _struct(chosen[0], value, path)
    else:
        yield FieldError(
            _join(path, tag_field), f"Must be one of {', '.join(str(struct.tag) for struct in structs)}.", "choice"
        )


def _fits(info: inspect.Type, value: Any, lax: bool, *, limits: bool = True) -> bool:
    try:
        msgspec.convert(value, _type_of(info, limits), strict=not lax)
    except (msgspec.ValidationError, ValueError, OverflowError):
        return False
    return True


def _type_of(info: inspect.Type, limits: bool = True) -> Any:
    """The type an `inspect` description came from, as far as a single value needs it."""
    if isinstance(info, inspect.EnumType):
        return info.cls
    if isinstance(info, inspect.LiteralType):
        return Literal[tuple(info.values)]
    if isinstance(info, inspect.StructType | inspect.DictType):
        return dict
    if isinstance(info, _LISTS):
        return list
    plain = _PLAIN.get(type(info))
    if plain is None:
        return Any
    bounds = {name: bound for name in _LIMITS if (bound := getattr(info, name, None)) is not None}
    return Annotated[plain[0], msgspec.Meta(**bounds)] if bounds and limits else plain[0]


def _code(info: inspect.Type, value: Any, lax: bool) -> str:
    if isinstance(info, inspect.EnumType | inspect.LiteralType):
        return "choice"
    if not _fits(info, value, lax, limits=False):
        return "type"
    if isinstance(info, inspect.StrType):
        return "length" if info.pattern is None else "pattern"
    return "range"


def describe(info: inspect.Type) -> str:
    """What a field takes, for a sentence: `a whole number between 1 and 9999`."""
    info, _ = _plain(info)
    if isinstance(info, inspect.UnionType):
        return " or ".join(describe(member) for member in info.types)
    if isinstance(info, inspect.EnumType):
        return "one of " + ", ".join(str(member.value) for member in info.cls)
    if isinstance(info, inspect.LiteralType):
        return ("one of " if len(info.values) > 1 else "") + ", ".join(str(value) for value in info.values)
    if isinstance(info, _LISTS):
        return "a list" + _span(" of", info.min_length, info.max_length, " entries")
    if isinstance(info, inspect.StrType):
        form = f" of the form {info.pattern}" if info.pattern else ""
        return "text" + _span(" of", info.min_length, info.max_length, " characters") + form
    if isinstance(info, inspect.IntType | inspect.FloatType):
        return _PLAIN[type(info)][1] + _bounds(info)
    return _PLAIN[type(info)][1] if type(info) in _PLAIN else "an object"


def _bounds(info: inspect.IntType | inspect.FloatType) -> str:
    least = info.ge if info.ge is not None else None if info.gt is None else f"above {info.gt:g}"
    most = info.le if info.le is not None else None if info.lt is None else f"below {info.lt:g}"
    if isinstance(least, str) or isinstance(most, str):
        sides = [
            side if isinstance(side, str) else f"{word} {side}"
            for word, side in (("at least", least), ("at most", most))
            if side is not None
        ]
        return " " + " and ".join(sides)
    return _span("", least, most, "", between=" between")


def _span(word: str, least: Any, most: Any, unit: str, *, between: str | None = None) -> str:
    if least is not None and most is not None:
        return f"{between} {least} and {most}" if between else f"{word} {least} to {most}{unit}"
    if least is not None:
        return f"{word} at least {least}{unit}" if word else f" of at least {least}"
    if most is not None:
        return f"{word} at most {most}{unit}" if word else f" of at most {most}"
    return ""


def shown(value: Any) -> str:
    """A value as a sentence quotes it: short, and never a whole document."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = value.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
        return f"“{text[:40]}…”" if len(text) > 40 else f"“{text}”"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, float) and not math.isfinite(value):
        return "a number that large"
    text = str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
