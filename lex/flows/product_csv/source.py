"""A product file as records: each with its first line, read again at its place, never the whole file at once."""

import codecs
import csv
import io
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from lex.flows.product_csv.problems import Problem, UnreadableFile

ENCODINGS = ("utf-8", "cp1252", "latin-1")
LONGEST_CELL = 500_000
_CHUNK = 1 << 20
_PART = 1 << 13
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

csv.field_size_limit(LONGEST_CELL)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record starts: byte and line."""

    offset: int
    line: int


@dataclass(frozen=True, slots=True)
class Row:
    """A record under its header. `cells` are exact, without the apostrophe that guards a formula."""

    line: int
    cells: dict[str, str]
    place: Place

    def get(self, column: str) -> str:
        """A cell without spaces around it; empty when there is no such column."""
        return self.cells.get(column, "").strip()


@dataclass(slots=True)
class Source:
    """An open product file whose header was read."""

    path: Path
    file: BinaryIO
    encoding: str
    size: int
    delimiter: str = ","
    header: list[str] = field(default_factory=list)
    start: Place = Place(0, 1)

    def rows(self) -> Iterator[Row | Problem]:
        """Every record after the header; one that is no record comes as its problem."""
        yield from self._records(self.start)

    def row_at(self, place: Place) -> Row:
        """A record read again. Raises `UnreadableFile` when the file changed since."""
        row = next(self._records(place), None)
        if not isinstance(row, Row):
            raise UnreadableFile(f"{self.path.name} changed while it was read; start again.")
        return row

    def _records(self, place: Place) -> Iterator[Row | Problem]:
        self.file.seek(place.offset)
        lines = _Lines(self.file, self.encoding, place)
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        while True:
            here = lines.place
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield _torn(here, lines.place, error)
                continue
            if cells is None:
                return
            if any(cells):
                yield self._row(here, cells)

    def _row(self, place: Place, cells: list[str]) -> Row | Problem:
        if len(cells) > len(self.header) and any(cells[len(self.header) :]):
            return Problem(
                place.line,
                "",
                f"The row has {len(cells)} cells, the header {len(self.header)}.",
                "A comma or a quotation mark is out of place; put text with commas into quotation marks.",
            )
        named = {name: unguarded(cell) for name, cell in zip(self.header, cells, strict=False)}
        for column, cell in named.items():
            if "\0" in cell:
                return Problem(place.line, column, "The cell holds a NUL byte.", "Remove it; it is not text.")
        return Row(place.line, named, place)


def _read_line(file: BinaryIO) -> bytes:
    """Up to the end of a line, which is LF, CR LF, or a CR alone as old spreadsheet programs write it."""
    line = b""
    while part := file.readline(_PART):
        end = part.find(b"\r") + 1
        if end == len(part):  # what follows the CR is not read yet
            part += file.read(1)
        if end and part[end : end + 1] != b"\n":
            file.seek(end - len(part), io.SEEK_CUR)
            return line + part[:end]
        line += part
        if part.endswith(b"\n"):
            break
    return line


class _Lines:
    """Physical lines as text; knows where the next one starts."""

    def __init__(self, file: BinaryIO, encoding: str, place: Place) -> None:
        self._file, self._encoding, self.place = file, encoding, place

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        raw = _read_line(self._file)
        if not raw:
            raise StopIteration
        self.place = Place(self.place.offset + len(raw), self.place.line + 1)
        return raw.decode(self._encoding)


def open_source(path: Path, encoding: str = "utf-8") -> Source:
    """Open a product file: a regular file, wholly in its encoding, with a header.

    Raises `UnreadableFile` saying what is wrong and what to do; nothing is imported from such a file.
    """
    if encoding not in ENCODINGS:
        raise UnreadableFile(f"“{encoding}” is not read; the encodings are {', '.join(ENCODINGS)}.")
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableFile(f"{path} is not a file; name the CSV file itself.")
        file = path.open("rb")
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be opened: {(error.strerror or 'it is not there').lower()}.") from None
    try:
        source = Source(path, file, encoding, path.stat().st_size)
        _check_encoding(source)
        _read_header(source)
    except BaseException:
        file.close()
        raise
    return source


def _check_encoding(source: Source) -> None:
    """A file in another encoding is refused as a whole: half of its words would be wrong."""
    if source.size == 0:
        raise UnreadableFile(f"{source.path.name} is empty; export the products again.")
    decoder = codecs.getincrementaldecoder(source.encoding)()
    done = 0
    while chunk := source.file.read(_CHUNK):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            _refuse_byte(source, done - pending + error.start)
        done += len(chunk)
    if decoder.getstate()[0]:
        _refuse_byte(source, done - len(decoder.getstate()[0]))


def _refuse_byte(source: Source, offset: int) -> None:
    source.file.seek(0)
    line, column = 1, 1
    rest = offset
    while rest > 0 and (part := source.file.read(min(rest, _CHUNK))):
        line += part.count(b"\n")
        column = len(part) - part.rfind(b"\n") if b"\n" in part else column + len(part)
        rest -= len(part)
    byte = source.file.read(1).hex()
    raise UnreadableFile(
        f"{source.path.name} is not {source.encoding}: line {line}, byte {column} (0x{byte}) belongs to no character. "
        + (
            "Save it as “CSV UTF-8”, or name its encoding: --encoding cp1252."
            if source.encoding == "utf-8"
            else "Save it as “CSV UTF-8”."
        )
    )


def _read_header(source: Source) -> None:
    bom = 0
    source.file.seek(bom)
    while source.encoding == "utf-8" and source.file.read(3) == codecs.BOM_UTF8:  # some programs write it twice
        bom += len(codecs.BOM_UTF8)
    source.file.seek(bom)
    first = _read_line(source.file).decode(source.encoding)
    source.delimiter = max((",", ";", "\t"), key=first.count)
    source.file.seek(bom)
    lines = _Lines(source.file, source.encoding, Place(bom, 1))
    try:
        names = next(csv.reader(lines, delimiter=source.delimiter, strict=True), [])
    except csv.Error as error:
        told = _torn(Place(bom, 1), lines.place, error)
        message = f"The header of {source.path.name} cannot be read. {told.message} {told.way_out}"
        raise UnreadableFile(message) from None
    source.header = [name.strip() for name in names]
    source.start = lines.place
    while source.header and not source.header[-1]:
        source.header.pop()
    if not any(source.header):
        raise UnreadableFile(f"{source.path.name} has no header; its first line must name the columns.")
    twice = sorted({name for name in source.header if source.header.count(name) > 1})
    if twice:
        raise UnreadableFile(f"The header names “{twice[0] or 'an empty column'}” twice; rename or remove one.")


def _torn(start: Place, end: Place, error: csv.Error) -> Problem:
    if "unexpected end" in str(error) or "field limit" in str(error):
        return Problem(
            start.line,
            "",
            f"A quotation mark opened here is not closed; lines {start.line} to {end.line - 1} are left out.",
            "Close it, or double a quotation mark that belongs to the text.",
        )
    return Problem(
        start.line, "", "The row is no CSV: text follows a closing quotation mark.", "Double the marks inside the text."
    )


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet program would run the cell. A plain number is none."""
    return cell.startswith(_FORMULA) and not _is_number(cell)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def guarded(cell: str) -> str:
    """A cell as it is written: an apostrophe before what a spreadsheet would run. `unguarded` takes it off again."""
    return "'" + cell if is_formula(cell.lstrip("'")) else cell


def unguarded(cell: str) -> str:
    """A cell as it was before `guarded`."""
    return cell[1:] if cell.startswith("'") and is_formula(cell.lstrip("'")) else cell


def write_row(header: list[str], cells: dict[str, str]) -> str:
    """A record as a line of CSV."""
    row = [guarded(cells.get(column, "")) for column in header]
    # The writer leaves a lone carriage return unquoted, and readers then see the end of a line.
    quoting: Literal[0, 1] = csv.QUOTE_ALL if any("\r" in cell for cell in row) else csv.QUOTE_MINIMAL
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", quoting=quoting).writerow(row)
    return out.getvalue()
