"""Every bad field of a body is named; nothing a client sends as JSON is a server error."""

import json
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lex.core.errors import Refusal
from lex.web.kit.bodies import decode_body
from lex.web.kit.refusals import InvalidFields, Malformed
from tests.web.probe import Body

GOOD = {"lines": [{"quantity": 1, "sku": "A-1"}]}


def faults_of(body: Any) -> dict[str, str]:
    """Field → sentence of a refused body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(InvalidFields) as refused:
        decode_body(raw, Body)
    return {fault.field: fault.message for fault in refused.value.errors}


def test_a_good_body_is_decoded() -> None:
    body = decode_body(json.dumps({**GOOD, "note": "ä\u20ac😀"}).encode(), Body)
    assert body.lines[0].quantity == 1
    assert body.note == "ä€😀"


def test_every_bad_field_is_named_at_once() -> None:
    told = faults_of(
        {
            "lines": [{"quantity": "two", "sku": "", "price": 1}, {"quantity": 0, "sku": "A"}, 7],
            "kind": "gift",
            "customer_id": "me",
            "note": 5,
            "country": "de",
            "is_gift": "yes",
            "total": 3,
        }
    )
    assert told == {
        "lines.0.quantity": "Must be a whole number between 1 and 9999, not “two”.",
        "lines.0.sku": "Must be text of 1 to 20 characters, not “”.",
        "lines.0.price": "Is not accepted here; the fields are quantity, sku.",
        "lines.1.quantity": "Must be a whole number between 1 and 9999, not 0.",
        "lines.2": "Must be an object, not 7.",
        "kind": "Must be one of goods, service, not “gift”.",
        "customer_id": "Must be an id such as 0199c9a0-7b1e-7c3a-9f52-5a0c6f1d2e3b, not “me”.",
        "note": "Must be text, not 5.",
        "country": "Must be a country such as DE.",
        "is_gift": "Must be true or false, not “yes”.",
        "total": "Is not accepted here; the fields are lines, kind, customer_id, note, country, is_gift, act.",
    }


def test_missing_fields_are_named() -> None:
    assert faults_of({"lines": [{}]}) == {
        "lines.0.quantity": "Is missing; it must be a whole number between 1 and 9999.",
        "lines.0.sku": "Is missing; it must be text of 1 to 20 characters.",
    }
    assert faults_of({}) == {"lines": "Is missing; it must be a list of at most 5 entries."}


@pytest.mark.parametrize("quantity", [-1, 0, 10**9, 10**30, 1.5, True, None, "1", [], {}])
def test_no_strange_quantity_passes(quantity: Any) -> None:
    assert list(faults_of({"lines": [{"quantity": quantity, "sku": "A"}]})) == ["lines.0.quantity"]


@pytest.mark.parametrize("number", ["9" * 5000, "1e400", "-1e400"])
def test_numbers_without_end_are_refused(number: str) -> None:
    assert "lines.0.quantity" in faults_of(f'{{"lines":[{{"quantity":{number},"sku":"A"}}]}}'.encode())


def test_a_document_of_another_kind_is_refused() -> None:
    assert faults_of([]) == {"body": "Must be an object, not a list."}
    assert faults_of(b"null") == {"body": "Must be an object, not null."}
    assert faults_of(b"  ") == {"body": "Is missing; send a JSON document."}


def test_too_many_entries_are_refused() -> None:
    assert faults_of({"lines": [GOOD["lines"][0]] * 6}) == {"lines": "Must be a list of at most 5 entries; it has 6."}


@pytest.mark.parametrize("text", [r"a\u0000b", r"a\ud800b", r"\udc00"])
def test_text_that_no_database_stores_is_named(text: str) -> None:
    assert list(faults_of(f'{{"lines":[],"note":"{text}"}}'.encode())) == ["note"]


def test_an_escaped_backslash_before_u0000_is_plain_text() -> None:
    assert decode_body(rb'{"lines":[],"note":"\\u0000"}', Body).note == "\\u0000"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"lines":[\xff]}', "line 1, column 11"),
        (b'{"lines":\n[1,]}', "line 2, column 4"),
        (b'{"lines":NaN}', "NaN is not a JSON number"),
        (b'{"lines":[', "line 1, column 11"),
        (b"\xef\xbb\xbf{}", "line 1, column 1"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"note":' + b"[" * 400 + b"]" * 400 + b"}", ""),
    ],
)
def test_what_is_no_json_is_told_with_its_place(body: bytes, told: str) -> None:
    with pytest.raises(Refusal) as refused:
        decode_body(body, Body)
    assert refused.value.status in (400, 422)
    if told:
        assert isinstance(refused.value, Malformed)
        assert told in refused.value.message


def test_faults_are_not_listed_without_end() -> None:
    class Many(msgspec.Struct):
        entries: list[int]

    with pytest.raises(InvalidFields) as refused:
        decode_body(json.dumps({"entries": ["x"] * 10_000}).encode(), Many)
    assert len(refused.value.errors) == 50


def test_structs_told_apart_by_a_tag() -> None:
    class Card(msgspec.Struct, tag="card", tag_field="method", forbid_unknown_fields=True):
        token: str

    class Invoice(msgspec.Struct, tag="invoice", tag_field="method", forbid_unknown_fields=True):
        days: Annotated[int, msgspec.Meta(ge=1)]

    with pytest.raises(InvalidFields) as refused:
        decode_body(b'{"method":"invoice","days":0,"token":"x"}', Card | Invoice)
    assert [fault.field for fault in refused.value.errors] == ["days", "token"]
    with pytest.raises(InvalidFields) as refused:
        decode_body(b'{"method":"cash"}', Card | Invoice)
    assert refused.value.errors[0].message == "Must be one of card, invoice."


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
names = st.sampled_from(["lines", "kind", "customer_id", "note", "country", "is_gift", "quantity", "sku"])


#: The first draw reads the tables of all characters, which says nothing about Lex.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def refusal_of(body: bytes) -> Refusal | None:
    """How a body is refused, or None when it is accepted. Anything else than a refusal fails the test."""
    try:
        decode_body(body, Body)
    except Refusal as refusal:
        return refusal
    return None


@patient
@given(st.dictionaries(names, anything | st.lists(st.dictionaries(names, anything))))
def test_any_document_is_accepted_or_its_fields_are_named(document: dict[str, Any]) -> None:
    refusal = refusal_of(json.dumps(document).encode())
    assert refusal is None or (refusal.status == 422 and refusal.errors)


@patient
@given(st.binary(max_size=200))
def test_any_bytes_are_accepted_or_refused(body: bytes) -> None:
    refusal = refusal_of(body)
    assert refusal is None or refusal.status in (400, 422)
