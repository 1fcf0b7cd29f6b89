"""Who changed what, when. Owns `audit_logs`; rows are written by triggers and are append-only."""
