"""Every column that may hold something about a person is decided about, and kept as the list says."""

from lex.ops.models import metadata
from lex.ops.personal_columns import NOT_PERSONAL, PERSONAL, Kept
from lex.ops.schema_docs import MODULES, _models
from lex.ops.schema_facts import annotated
from tests.support.cluster import Cluster
from tests.support.rows import Rows

#: Tables that have to do with people though they bear no user_id.
_TOO = ("users", "webhook_events", "sandbox_payments", "audit_logs", "job_errors", "stock_movements")

_COLUMNS = """
SELECT c.relname || '.' || a.attname FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND coalesce(nullif(t.typbasetype, 0), t.oid)::regtype::text IN (
      'text', 'text[]', 'jsonb', 'json', 'bytea', 'inet', 'character varying', 'xml')
  AND (c.relname = ANY (%s) OR EXISTS (
      SELECT FROM pg_attribute u WHERE u.attrelid = c.oid AND u.attname = 'user_id' AND NOT u.attisdropped))
"""


def test_every_column_of_a_table_about_people_is_decided_about(rows: Rows) -> None:
    """When this fails for a new column: is it about a person? Seal it, or say in the list why it is readable."""
    found = set(rows.column(_COLUMNS, list(_TOO)))
    plain = {f"{table}.{column}" for table, columns in NOT_PERSONAL.items() for column in columns.split()}
    assert len(found) > 120
    assert found - PERSONAL.keys() - plain == set()
    assert (PERSONAL.keys() | plain) - found == set()
    assert PERSONAL.keys() & plain == set()


def test_what_is_sealed_is_ciphertext_for_the_models_too() -> None:
    kinds = {
        f"{model.__tablename__}.{column.name}": annotated(model, column.name)
        for module in MODULES
        for model in _models(module)
        for column in metadata.tables[str(model.__tablename__)].columns
    }
    sealed = {name for name, column in PERSONAL.items() if column.kept is Kept.SEALED}
    assert {name for name, kind in kinds.items() if kind == "Ciphertext"} == sealed - {"audit_logs.changes"}
    blind = {name for name, kind in kinds.items() if kind == "BlindIndex"}
    assert blind <= {name for name, column in PERSONAL.items() if column.kept is Kept.BLIND}


def test_what_is_readable_has_a_reason() -> None:
    assert [name for name, column in PERSONAL.items() if column.kept is Kept.READABLE and not column.why] == []


def test_no_personal_cell_of_the_shop_is_readable_to_the_audit(rows: Rows) -> None:
    """Blind indexes would let whoever has their key ask the trail for an erased person."""
    rows.add("users", role="user", email_blind_index=b"index", phone_blind_index=b"phone")
    rows.add("orders")
    rows.run("UPDATE orders SET status = 'canceled'")
    rows.add("coupon_usages", email_blind_index=b"index")
    rows.add("person_keys")
    rows.run("UPDATE person_keys SET wrapped_key = NULL, destroyed_at = now()")
    rows.run("UPDATE users SET email_blind_index = NULL, phone_blind_index = NULL")
    rows.run("UPDATE coupon_usages SET email_blind_index = NULL")
    told = rows.column("SELECT changes::text FROM audit_logs WHERE resource IN ('users', 'coupon_usages')")
    assert len(told) == 4
    assert [text for text in told if b"index".hex() in text or b"phone".hex() in text] == []


def test_the_cluster_logs_no_parameters(cluster: Cluster) -> None:
    with Rows(cluster.database_admin_url) as server:
        for name in ("log_parameter_max_length", "log_parameter_max_length_on_error"):
            assert server.one("SELECT current_setting(%s)", name) == "0", name
