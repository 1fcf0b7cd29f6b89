"""`docs/settings.md`, written from the settings themselves: `python -m lex.ops.settings_docs > docs/settings.md`."""

import sys
from dataclasses import fields

from lex.core.settings import Settings, environment_name

_HEAD = """\
# Settings

Everything an operator may set, read from the environment at start. A value that cannot be used stops the start with a
sentence that names it. This page is generated from `lex/core/settings.py`.

| variable | default | meaning |
| --- | --- | --- |
"""


def settings_page() -> str:
    """The page as Markdown."""
    rows = (
        f"| `{environment_name(field)}` | {f'`{field.default}`' if field.default != '' else ''} "
        f"| {field.metadata['about']} |\n"
        for field in fields(Settings)
    )
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(settings_page())
