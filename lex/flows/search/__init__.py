"""One box over goods, services and plans: `find` answers a page of results, `suggest` completes what is being typed.

A question is one statement (`question`). Only one that finds nothing costs more: its unknown words are put right to
near ones of the shop (`near`, `spelling`), or those are offered. How it ranks: docs/concepts/search.md.
"""
