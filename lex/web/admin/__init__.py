"""The back office's pages. Each is guarded by a permission, and its flow asks again."""

from typing import Any

from lex.web.admin import acting, people, person


def admin_routes() -> list[Any]:
    """Every route of the back office."""
    return [*people.routes, *person.routes, *acting.routes]
