"""Memberships: plans, subscriptions, their periods and history.

Owns `subscription_plans`, `subscriptions`, `subscription_periods`, `subscription_events`. Invariant: one order per
subscription and period.
"""
