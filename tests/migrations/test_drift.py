from lex.ops.drift import drift
from tests.support.rows import Rows


def test_models_and_migrations_agree(database_url: str) -> None:
    assert drift(database_url) == []


CHANGES = [
    ("ALTER TABLE users ADD COLUMN nickname text", "column users.nickname is in the database only: text"),
    ("ALTER TABLE orders ALTER COLUMN phone SET NOT NULL", "column orders.phone is bytea in the models"),
    ("ALTER TABLE orders ALTER COLUMN status DROP DEFAULT", "column orders.status is order_status NOT NULL DEFAULT"),
    (
        "ALTER DOMAIN amount DROP CONSTRAINT ck_amount; "
        "ALTER DOMAIN amount ADD CONSTRAINT ck_amount CHECK (VALUE >= 0)",
        "domain amount is numeric(10,2) ck_amount CHECK (((VALUE >= ",
    ),
    ("ALTER DOMAIN order_status DROP CONSTRAINT ck_order_status", "domain order_status is in the models only"),
    (
        "ALTER TABLE orders DROP CONSTRAINT ck_orders_total_amount",
        "constraint orders.ck_orders_total_amount is in the models",
    ),
    (
        "ALTER TABLE reviews DROP CONSTRAINT ck_reviews_rating, "
        "ADD CONSTRAINT ck_reviews_rating CHECK (rating BETWEEN 1 AND 6)",
        "constraint reviews.ck_reviews_rating is CHECK (((rating >= 1) AND (rating <= 5))) in the models",
    ),
    (
        "ALTER TABLE occupancies DROP CONSTRAINT ex_occupancies_resource_id_occupied",
        "constraint occupancies.ex_occupancies_resource_id_occupied is in the models only",
    ),
    ("DROP INDEX uq_carts_user_id", "index carts.uq_carts_user_id is in the models only"),
    (
        "DROP INDEX uq_products_slug; CREATE UNIQUE INDEX uq_products_slug ON products (slug) WHERE is_active",
        "index products.uq_products_slug is CREATE UNIQUE INDEX",
    ),
    ("CREATE TABLE extra (id int)", "table extra is in the database only: not partitioned"),
]


def test_each_difference_is_named(database_url: str) -> None:
    with Rows(database_url) as rows:
        for change, _ in CHANGES:
            rows.connection.execute(change.encode())

    lines = drift(database_url)

    for _, found in CHANGES:
        assert any(line.startswith(found) for line in lines), (found, lines)


def test_looking_changes_nothing(database_url: str) -> None:
    drift(database_url)
    with Rows(database_url) as rows:
        assert rows.one("SELECT to_regnamespace('lex_models')") is None
