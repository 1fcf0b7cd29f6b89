"""`lex coupons`: coupons in a terminal. A coupon is named by its code."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from lex.cli.context import run_connected
from lex.core import codec, money
from lex.core.actor import Actor
from lex.core.settings import settings
from lex.coupons import commands
from lex.coupons.drafts import NewCoupon, Scope
from lex.coupons.queries import CouponView, Usage, get_coupon, get_coupon_id, list_coupons, list_usages
from lex.db.session import Session, transact, transaction
from lex.flows.try_coupon import TriedCoupon, try_coupon

T = TypeVar("T")
app = typer.Typer(help="Coupons: list, make, show, generate codes, deactivate, try.", no_args_is_help=True)
console = Console(soft_wrap=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Code = Annotated[str, typer.Argument(help="The coupon's code.")]
Ids = Annotated[list[UUID] | None, typer.Option(help="An id it covers; repeat for more.")]


@app.command("list")
def list_(
    code: Annotated[str | None, typer.Option(help="How the code begins.")] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="Only those accepted, or not.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List coupons, newest first."""

    async def work(session: Session) -> list[CouponView]:
        return await list_coupons(session, code=code, is_active=active, limit=limit)

    found = run_connected(lambda actor: _read(actor, work))
    if as_json:
        typer.echo(codec.encode(found))
        return
    table = Table("Code", "Name", "Takes off", "From", "Until", "Used", "", box=None)
    for coupon in found:
        used = f"{coupon.used_count}/{coupon.usage_limit}" if coupon.usage_limit else str(coupon.used_count)
        state = "" if coupon.is_active else "inactive"
        table.add_row(
            coupon.code, coupon.name or "", _worth(coupon), _day(coupon.starts_at), _day(coupon.ends_at), used, state
        )
    console.print(table if found else "No coupon matches.")


@app.command()
def create(
    code: Code,
    kind: Annotated[str, typer.Option("--type", help="fixed, percentage, free_shipping or buy_x_get_y.")],
    name: Annotated[str | None, typer.Option(help="What customers read.")] = None,
    amount: Annotated[str | None, typer.Option(help="Of a fixed one, such as 5.00.")] = None,
    percentage: Annotated[str | None, typer.Option(help="Of a percentage, such as 12.5.")] = None,
    buy: Annotated[int | None, typer.Option(help="Units to buy.")] = None,
    get: Annotated[int | None, typer.Option(help="Units that come free then.")] = None,
    minimum: Annotated[str | None, typer.Option(help="Least worth of the goods it covers, such as 50.00.")] = None,
    starts: Annotated[datetime | None, typer.Option(help="First instant, UTC.")] = None,
    ends: Annotated[datetime | None, typer.Option(help="First instant it is over, UTC.")] = None,
    limit: Annotated[int | None, typer.Option(help="Uses in all.")] = None,
    per_customer: Annotated[int | None, typer.Option(help="Uses by one customer.")] = None,
    stackable: Annotated[bool, typer.Option("--stackable", help="Goes together with others.")] = False,
    exclusive: Annotated[bool, typer.Option("--exclusive", help="At most one such coupon counts.")] = False,
    priority: Annotated[int, typer.Option(help="Where not all go together, the larger is taken.")] = 0,
    product: Ids = None,
    category: Ids = None,
    service: Ids = None,
    plan: Ids = None,
    bulk: Annotated[
        bool, typer.Option("--bulk", help="Only unique codes (lex coupons generate) are accepted.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a coupon."""
    given = {
        **{"code": code, "type": kind, "name": name, "percentage": percentage, "buy_quantity": buy},
        **{"get_quantity": get, "amount": _minor(amount, "amount"), "minimum_amount": _minor(minimum, "minimum")},
        **{"starts_at": _utc(starts), "ends_at": _utc(ends), "usage_limit": limit, "is_bulk": bulk},
        **{"usage_limit_per_customer": per_customer, "is_stackable": stackable, "is_exclusive": exclusive},
        **{"priority": priority, "scope": Scope(product or [], category or [], service or [], plan or [])},
    }
    try:
        draft = msgspec.convert(given, NewCoupon, from_attributes=True)
    except msgspec.ValidationError as error:
        raise typer.BadParameter(str(error)) from None

    async def work(actor: Actor) -> CouponView:
        async def made(opened: Session) -> CouponView:
            return await get_coupon(opened, await commands.create_coupon(opened, draft))

        return await transact(actor, made)

    _show(run_connected(work), as_json)


@app.command()
def show(code: Code, as_json: Json = False) -> None:
    """Show a coupon and its newest uses."""

    async def work(session: Session) -> tuple[CouponView, list[Usage]]:
        coupon_id = await get_coupon_id(session, code)
        return await get_coupon(session, coupon_id), await list_usages(session, coupon_id)

    coupon, uses = run_connected(lambda actor: _read(actor, work))
    if as_json:
        typer.echo(codec.encode({**msgspec.to_builtins(coupon), "usages": uses}))
        return
    _show(coupon, False)
    table = Table("Order", "Code", "Status", "When", box=None)
    table.add_column("Took off", justify="right")
    for use in uses:
        worth = money.format_amount(use.amount, settings().currency)
        table.add_row(use.order_number, use.code or "", use.status, f"{use.created_at:%Y-%m-%d %H:%M}", worth)
    console.print(table if uses else "No order has used it.")


@app.command()
def generate(
    code: Code, number: Annotated[int, typer.Argument(min=1, max=commands.MOST_CODES)], as_json: Json = False
) -> None:
    """Make unique codes of a bulk coupon, one a line."""

    async def work(session: Session) -> list[str]:
        return await commands.generate_codes(session, await get_coupon_id(session, code), number)

    made = run_connected(lambda actor: transact(actor, work))
    typer.echo(codec.encode(made) if as_json else "\n".join(made))


@app.command()
def deactivate(code: Code) -> None:
    """Accept a coupon no longer."""

    async def work(session: Session) -> None:
        await commands.deactivate_coupon(session, await get_coupon_id(session, code))

    run_connected(lambda actor: transact(actor, work))
    console.print("Deactivated.")


@app.command("try")
def try_(
    code: Code,
    cart: Annotated[UUID, typer.Argument(help="The cart's id.")],
    email: Annotated[str | None, typer.Option(help="The buyer's, for the limit per customer.")] = None,
    as_json: Json = False,
) -> None:
    """Say what a coupon would do to a cart, or why nothing. Changes nothing."""

    async def work(actor: Actor) -> TriedCoupon:
        coupon_id = await _read(actor, lambda session: get_coupon_id(session, code))
        return await try_coupon(actor, coupon_id, cart, email)

    tried = run_connected(work)
    if as_json:
        typer.echo(codec.encode(tried))
        return
    currency = tried.cart.currency
    before, after, off = (
        money.format_amount(amount, currency)
        for amount in (tried.total_before, tried.cart.total_amount, tried.coupon.amount)
    )
    console.print(tried.coupon.why or f"{tried.coupon.code} takes off {off}.", markup=False)
    console.print(f"The cart is {before} now and would be {after}.")


async def _read(actor: Actor, work: Callable[[Session], Awaitable[T]]) -> T:
    async with transaction(actor) as opened:
        return await work(opened)


def _minor(text: str | None, field: str) -> int | None:
    return None if text is None else money.minor(text, settings().currency, field)


def _utc(instant: datetime | None) -> datetime | None:
    return instant and instant.replace(tzinfo=UTC)


def _day(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M}" if instant else ""


def _worth(coupon: CouponView) -> str:
    if coupon.amount is not None:
        return money.format_amount(coupon.amount, settings().currency)
    if coupon.percentage is not None:
        return f"{coupon.percentage} %"
    return f"{coupon.get_quantity} of {_units(coupon)}" if coupon.buy_quantity else "shipping"


def _units(coupon: CouponView) -> int:
    return (coupon.buy_quantity or 0) + (coupon.get_quantity or 0)


def _show(coupon: CouponView, as_json: bool) -> None:
    if as_json:
        typer.echo(codec.encode(coupon))
        return
    console.print(f"[bold]{coupon.code}[/bold]  {coupon.name or ''}")
    for field, value in msgspec.to_builtins(coupon).items():
        if value not in (None, {}, False) and field not in ("code", "name"):
            console.print(f"  {field}: {value}", markup=False)
