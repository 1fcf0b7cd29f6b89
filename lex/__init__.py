"""Lex: one platform for goods, bookable services and memberships.

Rooms, from top to bottom (an import goes only downwards; import-linter keeps it):
`cli` · `web`, `worker` · `flows`, `ops` · the domains · `adapters` · `db` · `embedded` · `core`.
Start reading in `flows/README.md`.
"""
