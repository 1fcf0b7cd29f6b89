"""Services, memberships, delivery and taxes of the demo business. Prices in cents."""

from decimal import Decimal

from lex.coupons.drafts import NewCoupon
from lex.flows.demo import pictures_work as work
from lex.services.commands import ServiceDraft
from lex.subscriptions.commands import PlanDraft

ZONE = "Europe/Berlin"
_WEEKDAYS = ("tuesday", "wednesday", "thursday", "friday")
OPEN = {day: [["09:00", "12:30"], ["13:30", "18:00"]] for day in _WEEKDAYS} | {"saturday": [["09:00", "13:00"]]}
LATE = {day: [["11:00", "14:00"], ["15:00", "19:00"]] for day in _WEEKDAYS}

#: slug → name, description
SERVICE_CATEGORIES = {
    "repairs": ("Repairs", "Done while you wait or by the evening."),
    "fittings": ("Fittings", "You and your bicycle, measured."),
    "classes": ("Classes", "Learn it with seven others."),
}

#: slug → name, kind, week
RESOURCES = {
    "mara-lindt": ("Mara Lindt", "person", OPEN),
    "jonas-oyelaran": ("Jonas Oyelaran", "person", LATE),
    "fitting-stand": ("Fitting stand", "equipment", OPEN),
    "back-room": ("Back room", "room", {"saturday": [["14:00", "17:00"]]}),
}
_MECHANICS = ("mara-lindt", "jonas-oyelaran")

#: draft, category, who performs it, picture
SERVICES = (
    (
        ServiceDraft(
            slug="tune-up",
            name="Tune-up",
            price=6900,
            duration_minutes=90,
            buffer_after_minutes=15,
            notice_minutes=120,
            availability=OPEN,
            timezone=ZONE,
            cancellation_fee_percentage=25,
            is_featured=True,
            description="<p>Gears and brakes set, bolts checked, chain cleaned, a ride around the block.</p>",
        ),
        "repairs",
        _MECHANICS,
        work.on_stand,
    ),
    (
        ServiceDraft(
            slug="puncture-repair",
            name="Puncture repair",
            price=1800,
            duration_minutes=30,
            notice_minutes=30,
            availability=OPEN,
            timezone=ZONE,
            cancellation_window_minutes=120,
            description="<p>A new tube and a look for what caused it.</p>",
        ),
        "repairs",
        _MECHANICS,
        work.puncture,
    ),
    (
        ServiceDraft(
            slug="wheel-truing",
            name="Wheel truing",
            price=3200,
            duration_minutes=45,
            step_minutes=15,
            notice_minutes=120,
            availability=OPEN,
            timezone=ZONE,
            description="<p>Side and height within two tenths of a millimetre; spokes replaced at cost.</p>",
        ),
        "repairs",
        _MECHANICS,
        work.wheel_truing,
    ),
    (
        ServiceDraft(
            slug="bike-fitting",
            name="Bike fitting",
            service_type="consultation",
            price=14900,
            duration_minutes=120,
            step_minutes=60,
            buffer_before_minutes=15,
            buffer_after_minutes=15,
            notice_minutes=1440,
            max_bookings_per_day=3,
            availability=OPEN,
            timezone=ZONE,
            cancellation_window_minutes=2880,
            cancellation_fee_percentage=50,
            is_featured=True,
            description="<p>Saddle, bars and cleats set to your body, with a sheet of numbers to take home.</p>",
        ),
        "fittings",
        ("fitting-stand",),
        work.fitting,
    ),
    (
        ServiceDraft(
            slug="saturday-class",
            name="Saturday class: keep it running",
            service_type="recurring",
            price=3500,
            duration_minutes=120,
            step_minutes=120,
            capacity=8,
            availability={"saturday": [["14:30", "16:30"]]},
            timezone=ZONE,
            cancellation_window_minutes=2880,
            cancellation_fee_percentage=100,
            is_featured=True,
            description="<p>Punctures, chains and brakes, on your own bicycle. Coffee is there, hands get dirty.</p>",
        ),
        "classes",
        ("back-room",),
        work.class_of_eight,
    ),
)

_CLUB = (
    {"key": "member_discount_percent", "type": "limit", "value": 10},
    {"key": "inspections_per_year", "type": "limit", "value": 2},
    {"key": "evening_rides", "type": "flag", "value": True},
)
PLANS = (
    PlanDraft(
        slug="riders-club",
        name="Riders' club",
        price=900,
        billing_interval="month",
        trial_days=14,
        features=_CLUB,
        order=1,
        description="Ten percent off parts and clothing, two inspections a year, Thursday rides.",
    ),
    PlanDraft(
        slug="riders-club-yearly",
        name="Riders' club, yearly",
        price=9000,
        billing_interval="year",
        features=(*_CLUB, {"key": "gift", "type": "text", "value": "A cap to start with"}),
        order=2,
        description="The club for a year, two months of it free.",
    ),
)

_NEIGHBOURS = ("DE", "AT", "BE", "DK", "ES", "FR", "IE", "IT", "LU", "NL", "PL", "SE")
#: code, name, kind, price, free from, countries
SHIPPING = (
    ("parcel", "Parcel, 2–4 working days", "flat", 490, 7500, _NEIGHBOURS),
    ("parcel-gb-ch", "Parcel, 4–7 working days", "flat", 1490, 15000, ("GB", "CH")),
    ("parcel-us", "Airmail, 7–12 working days", "flat", 2900, None, ("US",)),
    ("pickup", "Collect at the workshop", "pickup", 0, None, ()),
)

#: coupon, and the products it covers by slug
COUPONS = (
    (
        NewCoupon(
            code="WELCOME10",
            type="percentage",
            percentage="10",
            name="Ten percent to start with",
            usage_limit_per_customer=1,
            is_stackable=True,
            is_exclusive=True,
        ),
        (),
    ),
    (
        NewCoupon(
            code="FREESHIP", type="free_shipping", name="We carry it to you", minimum_amount=2500, is_stackable=True
        ),
        (),
    ),
    (
        NewCoupon(
            code="TUBES3FOR2",
            type="buy_x_get_y",
            buy_quantity=2,
            get_quantity=1,
            name="Three tubes for two",
            is_stackable=True,
        ),
        ("inner-tube",),
    ),
    (
        NewCoupon(
            code="WORKSHOP5",
            type="fixed",
            amount=500,
            name="Five euros from the workshop",
            minimum_amount=4000,
            usage_limit=200,
        ),
        (),
    ),
)

#: country → name of the tax, standard and reduced rate in percent
TAXES = {
    "DE": ("MwSt.", "19", "7"),
    "AT": ("USt.", "20", "10"),
    "BE": ("TVA", "21", "6"),
    "CH": ("MWST", "8.1", "2.6"),
    "DK": ("moms", "25", "25"),
    "ES": ("IVA", "21", "10"),
    "FR": ("TVA", "20", "5.5"),
    "GB": ("VAT", "20", "5"),
    "IE": ("VAT", "23", "9"),
    "IT": ("IVA", "22", "10"),
    "LU": ("TVA", "17", "8"),
    "NL": ("btw", "21", "9"),
    "PL": ("VAT", "23", "8"),
    "SE": ("moms", "25", "6"),
    "US": ("Sales tax", "0", "0"),
}


def rates() -> list[tuple[str, str, Decimal, str]]:
    """Country, class, rate and name of every tax rate."""
    return [
        (country, tax_class, Decimal(rate), name)
        for country, (name, standard, reduced) in TAXES.items()
        for tax_class, rate in (("standard", standard), ("reduced", reduced))
    ]
