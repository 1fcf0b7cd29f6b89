"""Files that are handed over piece by piece, whatever their size."""

from litestar.response import Stream

from lex.flows.own_data.export import Fetched


def attachment(fetched: Fetched) -> Stream:
    """An answer a browser saves, and nobody keeps on the way."""
    headers = {
        "Cache-Control": "private, no-store",
        "Content-Disposition": f'attachment; filename="{fetched.name}"',
        "Content-Length": str(fetched.size),
        "X-Content-Type-Options": "nosniff",
    }
    return Stream(fetched.pieces, media_type="application/zip", headers=headers)
