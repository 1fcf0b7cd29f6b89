"""All models in one place: what the migrations' result is compared with."""

from lex.adapters.payments import models as sandbox
from lex.audit import models as audit
from lex.carts import models as carts
from lex.catalog import models as catalog
from lex.coupons import models as coupons
from lex.db import models as db
from lex.db.base import Base
from lex.identity import models as identity
from lex.notifications import models as notifications
from lex.orders import models as orders
from lex.payments import models as payments
from lex.reviews import models as reviews
from lex.services import models as services
from lex.shipping import models as shipping
from lex.stock import models as stock
from lex.subscriptions import models as subscriptions
from lex.tax import models as tax

MODULES = (
    *(audit, identity, catalog, services, stock, coupons, shipping, tax, carts, orders, payments),
    *(subscriptions, reviews, notifications, db, sandbox),
)

metadata = Base.metadata
