"""The tests: folders mirror `lex/`, and `race/`, `migrations/`, `stories/`, `browser/` stand beside them."""

import os

# A terminal as wide as any table, whoever runs us: Rich reads these when a console is made, before any fixture can.
os.environ.update(COLUMNS="160", LINES="50", TERM="xterm")
