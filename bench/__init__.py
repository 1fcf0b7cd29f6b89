"""Measures Lex: `python -m bench` its speed, `python -m bench.soak` what it keeps under load and killed processes."""
