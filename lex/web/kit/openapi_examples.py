"""Bodies to try in the documentation, by operation.

Those of carts, orders and coupons work against the demo business, in their order; the others show the form, for keys,
codes and passkeys are made anew each time.
"""

from typing import Any

_ADDRESS = {
    "recipient_name": "Ada Lindqvist",
    "line1": "Lindenstraße 4",
    "postal_code": "10969",
    "city": "Berlin",
    "country": "DE",
}

#: Stands for the key of a mail's link.
_KEY = "k8Jq0m3Xn2bV7cR5tY9wZ1aS4dF6gH8jK0lQ2eW4rTU"
_PASSKEY = {"id": "kT6A1…", "rawId": "kT6A1…", "type": "public-key"}

BODIES: dict[str, dict[str, Any]] = {
    "openCart": {"country": "DE", "items": [{"sku": "BRASS-BELL", "quantity": 2}]},
    "addCartItem": {"sku": "BRASS-BELL", "quantity": 1},
    "changeCartItem": {"quantity": 3},
    "changeCart": {"country": "DE", "shipping_method": "parcel"},
    "applyCoupon": {"code": "WELCOME10"},
    "signUp": {"email": "ada@example.org", "password": "lantern otter quartz", "first_name": "Ada"},
    "signIn": {"email": "ada@example.org", "password": "lantern otter quartz"},
    "forgotPassword": {"email": "ada@example.org"},
    "verifyEmail": {"token": _KEY, "password": "lantern otter quartz"},
    "resetPassword": {"token": _KEY, "password": "velvet cactus engine"},
    "unlockAccount": {"token": _KEY},
    "changePassword": {"current_password": "lantern otter quartz", "password": "velvet cactus engine"},
    "changeEmail": {"email": "ada@example.net", "password": "lantern otter quartz"},
    "confirmOldEmail": {"token": _KEY},
    "confirmNewEmail": {"token": _KEY},
    "addAddress": {**_ADDRESS, "phone": "030 1234567", "is_default_shipping": True},
    "changeAddress": {**_ADDRESS, "line1": "Lindenstraße 5", "type": "shipping", "is_default_shipping": True},
    "changeDetails": {
        "first_name": "Ada",
        "last_name": "Lindqvist",
        "phone": "030 1234567",
        "birth_date": "1990-05-17",
        "locale": "en",
    },
    "changePreferences": {"marketing": True},
    **{
        name: {"password": "lantern otter quartz"}
        for name in ("closeAccount", "askExport", "fetchExport", "askErasure")
    },
    "giveSecondFactor": {"code": "287082"},
    "setUpApp": {"code": "287082", "password": "lantern otter quartz"},
    "removeApp": {"password": "lantern otter quartz"},
    "renewRecoveryCodes": {"password": "lantern otter quartz"},
    "signInWithPasskey": {
        "credential": {
            **_PASSKEY,
            "response": {"clientDataJSON": "eyJ0e…", "authenticatorData": "SZYN5…", "signature": "MEUCI…"},
        }
    },
    "addPasskey": {
        "name": "telephone",
        "credential": {**_PASSKEY, "response": {"clientDataJSON": "eyJ0e…", "attestationObject": "o2Nmb…"}},
        "password": "lantern otter quartz",
    },
    "renamePasskey": {"name": "key ring"},
    "removePasskey": {"password": "lantern otter quartz"},
    "makeToken": {"name": "Bookkeeping", "scopes": ["purchases.read"], "password": "lantern otter quartz"},
    "makeApplicationKey": {
        "name": "Till",
        "scopes": ["orders.read"],
        "password": "lantern otter quartz",
        "expires_in_days": None,
    },
    "placeOrder": {
        "version": 1,
        "total_amount": 4290,
        "email": "ada@example.org",
        "first_name": "Ada",
        "last_name": "Lindqvist",
        "shipping_address": _ADDRESS,
    },
    "payOrder": {"token": "tok_visa"},
    "fulfilOrder": {"kind": "ship", "carrier": "DHL", "tracking_number": "00340434161094042557"},
    "createCoupon": {"code": "SPRING10", "type": "percentage", "percentage": "10", "usage_limit_per_customer": 1},
    "changeCoupon": {"percentage": "15", "minimum_amount": 5000},
    "generateCouponCodes": {"number": 100},
    "tryCoupon": {"cart_id": "0199c9a0-7b1e-7c3a-9f52-5a0c6f1d2e3b"},
    "cancelOrderAsStaff": {"note": "The customer changed their mind."},
    "appointStaff": {"email": "iris@example.org", "role": "moderator"},
    "changeRole": {"role": "admin"},
    "noteOrder": {"text": "Leave the parcel with the neighbour."},
}
