"""What the application may say in the audit: `record_audit` in the database has the same list, and refuses the rest."""

from typing import Literal

Action = Literal[
    "read",
    "export",
    "archive",
    "erase",
    "seed",
    # accounts and their sessions
    "sign_up",
    "sign_in",
    "sign_in_failed",
    "sign_out",
    "session_ended",
    "password_changed",
    "password_reset",
    "email_verified",
    "email_change_asked",
    "email_changed",
    "account_unlocked",
    "account_closed",
    "account_opened",
    "staff_appointed",
    "enable_two_factor",
    "disable_two_factor",
    "use_recovery_code",
    "make_recovery_codes",
    "add_passkey",
    "remove_passkey",
    "second_factor_given",
    "second_factor_failed",
    "make_token",
    "revoke_token",
]
