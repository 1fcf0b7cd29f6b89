"""`lex orders`: the order desk in a terminal. An order is named by its number or its id."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lex.audit import commands as audit
from lex.cli.context import run_connected
from lex.core import codec, money
from lex.core.actor import Actor
from lex.core.settings import settings
from lex.core.texts import for_terminal
from lex.db import session
from lex.flows.cancel_order import cancel_order
from lex.flows.complete_order import complete_order
from lex.flows.fulfil_order import HandedOver, NewFulfilment, fulfil_order
from lex.flows.note_order import note_order
from lex.orders.finding import STATES, OrderFilter, get_id, list_orders, record_list
from lex.orders.queries import get_order, list_timeline

T = TypeVar("T")

app = typer.Typer(help="Orders: find, show, hand over, complete, cancel, note.", no_args_is_help=True)
console = Console(soft_wrap=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%z"]
_HOW = "in the shop's zone unless it names one"
Reference = Annotated[str, typer.Argument(help="The order's number or id.")]


@app.command("list")
def list_(
    number: Annotated[str | None, typer.Option(help="An order number.")] = None,
    customer: Annotated[str | None, typer.Option(help="An e-mail, or whole words of name, domain, phone.")] = None,
    status: Annotated[str | None, typer.Option(help=", ".join(STATES["status"]) + ".")] = None,
    payment: Annotated[str | None, typer.Option(help=", ".join(STATES["payment_status"]) + ".")] = None,
    fulfilment: Annotated[str | None, typer.Option(help=", ".join(STATES["fulfilment_status"]) + ".")] = None,
    placed_from: Annotated[datetime | None, typer.Option(formats=_FORMATS, help=f"First instant, {_HOW}.")] = None,
    placed_until: Annotated[datetime | None, typer.Option(formats=_FORMATS, help=f"First no more, {_HOW}.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List orders, newest first."""

    wanted = OrderFilter(number, customer, status, payment, fulfilment, _zoned(placed_from), _zoned(placed_until))

    async def work(actor: Actor) -> list[Any]:
        async with session.transaction(actor) as open_session:
            listed = await list_orders(open_session, wanted, limit=limit)
            await record_list(open_session, listed)
            return listed

    found = run_connected(work)
    if as_json:
        typer.echo(codec.encode(found))
        return
    table = Table("Number", "Placed", "Customer", "Status", "Payment", "Fulfilment", box=None)
    table.add_column("Total", justify="right")
    for order in found:
        total = money.format_amount(order.total_amount, order.currency)
        placed = _stamp(order.placed_at)
        states = (order.status, order.payment_status, order.fulfilment_status)
        table.add_row(order.order_number, placed, _cell(order.email or "(erased)"), *states, total)
    console.print(table if found else "No order matches.")


@app.command()
def show(order: Reference, as_json: Json = False) -> None:
    """Show an order with its lines and its timeline."""

    async def work(actor: Actor) -> dict[str, Any]:
        async with session.transaction(actor) as open_session:
            order_id = await get_id(open_session, order)
            document = await get_order(open_session, actor, order_id)
            await audit.record(open_session, "read", "orders", order_id, {"part": "all"})
            document["timeline"] = msgspec.to_builtins(await list_timeline(open_session, order_id))
            return document

    document = run_connected(work)
    if as_json:
        typer.echo(codec.encode(document))
    else:
        _print(document)


@app.command()
def fulfil(
    order: Reference,
    item: Annotated[list[str] | None, typer.Option(help="LINE_ID=QUANTITY; everything open without it.")] = None,
    carrier: Annotated[str | None, typer.Option()] = None,
    tracking: Annotated[str | None, typer.Option(help="Tracking number.")] = None,
    url: Annotated[str | None, typer.Option(help="Tracking address.")] = None,
    pickup: Annotated[bool, typer.Option("--pickup", help="Collected at the counter.")] = False,
) -> None:
    """Hand over some or all of an order and tell the buyer."""
    given = NewFulfilment(
        items=[_item(text) for text in item] if item else None,
        kind="pickup" if pickup else "ship",
        carrier=carrier,
        tracking_number=tracking,
        tracking_url=url,
    )
    made = run_connected(lambda actor: _with_id(actor, order, lambda order_id: fulfil_order(actor, order_id, given)))
    console.print(f"Handed over; fulfilment {made}.")


def _item(text: str) -> HandedOver:
    line, _, quantity = text.partition("=")
    try:
        return msgspec.convert({"order_item_id": line, "quantity": quantity or "1"}, HandedOver, strict=False)
    except msgspec.ValidationError as error:
        raise typer.BadParameter(f"“{text}” is not LINE_ID=QUANTITY: {error}") from None


@app.command()
def complete(order: Reference) -> None:
    """Complete an order that is paid and wholly handed over."""
    run_connected(lambda actor: _with_id(actor, order, lambda order_id: complete_order(actor, order_id)))
    console.print("Completed.")


@app.command()
def cancel(
    order: Reference, note: Annotated[str, typer.Option(help="What there is to say of it, for staff.")] = ""
) -> None:
    """Cancel an order: the stock goes back, and what was paid is refunded."""
    canceling = partial(cancel_order, reason="shop", words=note)
    run_connected(lambda actor: _with_id(actor, order, lambda order_id: canceling(actor, order_id)))
    console.print("Canceled.")


@app.command()
def note(order: Reference, text: str) -> None:
    """Write a note beside an order."""
    run_connected(lambda actor: _with_id(actor, order, lambda order_id: note_order(actor, order_id, text)))
    console.print("Noted.")


async def _with_id(actor: Actor, reference: str, work: Callable[[UUID], Awaitable[T]]) -> T:
    async with session.transaction(actor) as open_session:
        order_id = await get_id(open_session, reference)
    return await work(order_id)


def _print(order: dict[str, Any]) -> None:
    currency = order["currency"]
    states = f"{order['status']}, {order['payment_status']}, {order['fulfilment_status']}"
    console.print(f"[bold]{order['order_number']}[/bold]  {states}")
    console.print(for_terminal(order["email"] or "(erased)"), markup=False)
    lines = Table("Line", "SKU", "Name", "Quantity", "Handed over", box=None)
    lines.add_column("Total", justify="right")
    for line in order["lines"]:
        quantities = (str(line["quantity"]), str(line["fulfilled_quantity"]))
        total = money.format_amount(line["total_amount"], currency)
        lines.add_row(line["id"], _cell(line["sku"] or ""), _cell(line["name"]), *quantities, total)
    console.print(lines)
    console.print(f"Total {money.format_amount(order['total_amount'], currency)}")
    for event in order["timeline"]:
        text = event["note"] or ", ".join(f"{key} {value}" for key, value in event["data"].items())
        at = _stamp(datetime.fromisoformat(event["created_at"]))
        entry = f"{at}  {event['actor_role']:<11} {event['kind']}  {for_terminal(text)}"
        console.print(entry, markup=False)


def _zoned(instant: datetime | None) -> datetime | None:
    """A time that names no zone is the shop's."""
    return instant.replace(tzinfo=settings().zone) if instant and instant.tzinfo is None else instant


def _stamp(instant: datetime) -> str:
    """A time that sorts, in the shop's zone, and how far that is from UTC."""
    return f"{instant.astimezone(settings().zone):%Y-%m-%d %H:%M:%S%z}"


def _cell(text: str) -> str:
    """What people wrote, as a table shows it: nothing in it is markup, nothing speaks to the terminal."""
    return escape(for_terminal(text))
