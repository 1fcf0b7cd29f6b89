"""Money: payments and their attempts, the ledger of what providers told us, refunds, stored methods, webhooks.

Owns `payments`, `payment_attempts`, `payment_events`, `payment_references`, `payment_methods`, `refunds`,
`webhook_events`. Invariants: one open attempt per order and tender; captured ≤ amount; Σ refunds ≤ captured; a
processed payment never changes its amount.
"""
