"""The rules of the database on the versions of PostgreSQL that the embedded one is not: `make versions`."""
