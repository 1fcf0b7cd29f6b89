"""What one tells of oneself, what one was told, and what one ordered."""

from datetime import datetime
from uuid import UUID

import msgspec
from litestar import get, put

from lex.db.session import transact, transaction
from lex.flows.accounts.details import change_details, choose_marketing
from lex.identity.details import Details, OwnDetails, get_details
from lex.notifications.queries import list_own_notifications
from lex.orders.own import list_own_orders
from lex.web.api.downloads import DownloadView
from lex.web.kit.guards import signed_in
from lex.web.kit.inputs import CurrentActor, JSONBody
from lex.web.kit.openapi import ACCOUNT
from lex.web.kit.paging import Cursor, Limit, decode_cursor, page_of


class Preferences(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one wants to be told. Of orders and of the account one is always told."""

    marketing: bool


class PreferencesView(msgspec.Struct, frozen=True):
    """What one wants to be told; `marketing_agreed_at` is since when news and offers, or null."""

    marketing: bool
    marketing_agreed_at: datetime | None


class NotificationView(msgspec.Struct, frozen=True):
    """Something one was told, over `channel`. `status`: pending, sent, failed, or expired, which was not sent."""

    id: UUID
    template: str
    channel: str
    status: str
    is_marketing: bool
    order_number: str | None
    created_at: datetime
    sent_at: datetime | None


class Notifications(msgspec.Struct, frozen=True):
    """One page of them, newest first."""

    notifications: list[NotificationView]
    next_cursor: str | None


class OrderSummary(msgspec.Struct, frozen=True):
    """An order in a list: the names of its first three lines, of `line_count`. Amount in minor units."""

    id: UUID
    order_number: str
    placed_at: datetime
    status: str
    payment_status: str
    fulfilment_status: str
    currency: str
    total_amount: int
    names: list[str]
    line_count: int
    downloads: list[DownloadView]


class OwnOrders(msgspec.Struct, frozen=True):
    """One page of orders, newest first."""

    orders: list[OrderSummary]
    next_cursor: str | None


@get(
    "/account/details",
    guards=[signed_in],
    security=ACCOUNT,
    tags=["account"],
    operation_id="getDetails",
    summary="Read one's details",
)
async def read_details(actor: CurrentActor) -> OwnDetails:
    """Name, phone, birthday and language."""
    user_id = actor.person
    return await transact(actor, lambda session: get_details(session, user_id))


@put(
    "/account/details",
    guards=[signed_in],
    security=ACCOUNT,
    tags=["account"],
    operation_id="changeDetails",
    summary="Change one's details",
)
async def write_details(data: JSONBody[Details], actor: CurrentActor) -> OwnDetails:
    """All of them: what is left out is empty. A phone number without a country's code is one of the shop's country."""
    return await change_details(actor, actor.person, data)


@get(
    "/account/preferences",
    guards=[signed_in],
    security=ACCOUNT,
    tags=["account"],
    operation_id="getPreferences",
    summary="What one wants to be told",
)
async def read_preferences(actor: CurrentActor) -> PreferencesView:
    """News and offers come only to who agreed to them."""
    user_id = actor.person
    return _preferences(await transact(actor, lambda session: get_details(session, user_id)))


@put(
    "/account/preferences",
    guards=[signed_in],
    security=ACCOUNT,
    tags=["account"],
    operation_id="changePreferences",
    summary="Agree to news and offers, or no longer",
)
async def write_preferences(data: JSONBody[Preferences], actor: CurrentActor) -> PreferencesView:
    """Counts from this moment, for what is waiting to be sent too."""
    return _preferences(await choose_marketing(actor, actor.person, is_agreed=data.marketing))


def _preferences(found: OwnDetails) -> PreferencesView:
    return PreferencesView(found.marketing_agreed_at is not None, found.marketing_agreed_at)


@get(
    "/account/notifications",
    guards=[signed_in],
    security=ACCOUNT,
    tags=["account"],
    operation_id="listNotifications",
    summary="What one was told",
)
async def list_notifications(actor: CurrentActor, cursor: Cursor = None, limit: Limit = 20) -> Notifications:
    """Newest first, a page at a time."""
    before = decode_cursor(cursor, UUID) if cursor else None
    async with transaction(actor) as session:
        found = await list_own_notifications(session, actor.person, before=before, limit=limit + 1)
    rows, following = page_of(found, limit, lambda row: row.id)
    return Notifications([msgspec.convert(row, NotificationView, from_attributes=True) for row in rows], following)


@get(
    "/account/orders",
    guards=[signed_in],
    security=ACCOUNT,
    tags=["account"],
    operation_id="listOwnOrders",
    summary="One's orders",
)
async def list_orders(actor: CurrentActor, cursor: Cursor = None, limit: Limit = 20) -> OwnOrders:
    """Newest first, a page at a time, each with the files that belong to it."""
    before = decode_cursor(cursor, UUID) if cursor else None
    async with transaction(actor) as session:
        found = await list_own_orders(session, actor.person, before=before, limit=limit + 1)
    rows, following = page_of(found, limit, lambda row: row.id)
    return OwnOrders(
        [
            OrderSummary(
                id=row.id,
                order_number=row.order_number,
                placed_at=row.placed_at,
                status=row.status,
                payment_status=row.payment_status,
                fulfilment_status=row.fulfilment_status,
                currency=row.currency,
                total_amount=row.total,
                names=row.names,
                line_count=row.lines,
                downloads=[DownloadView.of(file) for file in row.downloads],
            )
            for row in rows
        ],
        following,
    )


routes = [
    *(read_details, write_details, read_preferences, write_preferences),
    *(list_notifications, list_orders),
]
