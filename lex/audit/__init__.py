"""Who changed what, when. Owns `audit_logs`, `audit_seals` and `audit_archives`, which are only added to.

Changes of rows are written by triggers; what no row tells (a sign-in, an export, a look at somebody's data) by
`commands.record`. Seals make a later change of the trail itself visible: docs/concepts/audit.md.
"""
