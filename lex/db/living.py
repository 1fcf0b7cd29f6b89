"""The default scope: whatever is read through the models leaves soft-deleted rows out, joins and lazy loads too.

`Living(engine)` is the session of programs that use the models; `select(…).execution_options(with_deleted=True)` sees
deleted rows too. Lex's own statements are SQL and say `deleted_at IS NULL` themselves, which a test holds them to.
"""

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from lex.db.base import SoftDelete


class Living(Session):
    """A session of models without their deleted rows."""


@event.listens_for(Living, "do_orm_execute")
def _hide_deleted(state: ORMExecuteState) -> None:
    if (state.is_select or state.is_update or state.is_delete) and not state.execution_options.get("with_deleted"):
        state.statement = state.statement.options(with_loader_criteria(SoftDelete, _is_living, include_aliases=True))


def _is_living(model: Any) -> Any:
    return model.deleted_at.is_(None)
