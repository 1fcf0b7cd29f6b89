"""Accounts: what a person does with theirs, a file each. docs/concepts/accounts.md tells how they hang together."""
