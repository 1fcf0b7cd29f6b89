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
    "end_session",
    "verify_email",
    "change_email",
    "change_password",
    "forget_password",
    "reset_password",
    "lock",
    "unlock",
    "deactivate",
    "appoint",
    "enable_two_factor",
    "disable_two_factor",
    "use_recovery_code",
    "make_token",
    "revoke_token",
]
