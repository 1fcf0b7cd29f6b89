"""Pure building blocks without I/O: money, time, ids, the actor, refusals and settings."""
