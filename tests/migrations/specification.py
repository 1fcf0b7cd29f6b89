"""The specification's list as data: what `lex-database-documentation.md` says there is, section by section.

Its names are camelCase; here stand the columns they became. `test_specification` holds each entry to the live catalogue
of the database and skips none.
"""

#: "Core Entities" and the diagram: entity → table
ENTITIES = {
    "Users": "users",
    "Products": "products",
    "Categories": "categories",
    "Services": "services",
    "Service categories": "service_categories",
    "Orders": "orders",
    "Order items": "order_items",
    "Payments": "payments",
    "Payment methods": "payment_methods",
    "Refunds": "refunds",
    "Subscriptions": "subscriptions",
    "Subscription plans": "subscription_plans",
    "Carts": "carts",
    "Cart items": "cart_items",
    "Addresses": "addresses",
    "Reviews": "reviews",
    "Notifications": "notifications",
    "Audit logs": "audit_logs",
    "Coupons": "coupons",
    "Coupon usages": "coupon_usages",
}

#: The key fields and features of each section: table → column → type
FIELDS = {
    "users": {
        "id": "uuid",
        "email": "bytea",  # ciphertext; what is unique and looked up is the blind index
        "email_blind_index": "bytea",
        "role": "text",
        "password": "text",
        "two_factor_enabled": "boolean",
        "two_factor_secret": "bytea",
        "is_active": "boolean",
    },
    "products": {
        "sku": "text",
        "slug": "text",
        "name": "text",
        "description": "text",
        "price": "numeric(10,2)",
        "compare_at_price": "numeric(10,2)",
        "stock_quantity": "integer",
        "track_inventory": "boolean",
        "images": "jsonb",
        "category_id": "uuid",
        "is_active": "boolean",
        "is_featured": "boolean",
    },
    "categories": {"slug": "text", "parent_id": "uuid", "order": "integer"},
    "services": {
        "service_type": "text",
        "duration_minutes": "integer",
        "is_duration_custom": "boolean",
        "availability": "jsonb",
        "max_bookings_per_day": "integer",
        "slug": "text",
        "category_id": "uuid",
        "price": "numeric(10,2)",
    },
    "orders": {
        "order_number": "text",
        "status": "text",
        "payment_status": "text",
        "order_type": "text",
        "user_id": "uuid",
        "total_amount": "numeric(10,2)",
    },
    "order_items": {"item_type": "text", "order_id": "uuid", "product_id": "uuid", "service_id": "uuid"},
    "payments": {
        "user_id": "uuid",
        "order_id": "uuid",
        "status": "text",
        "provider": "text",
        "provider_payment_id": "text",
    },
    "payment_methods": {"type": "text", "provider_token": "bytea", "last4": "text"},
    "refunds": {"payment_id": "uuid", "amount": "numeric(10,2)", "status": "text"},
    "subscriptions": {
        "user_id": "uuid",
        "plan_id": "uuid",
        "status": "text",
        "current_period_end": "timestamp with time zone",
        "trial_start": "timestamp with time zone",
        "trial_end": "timestamp with time zone",
        "paused_at": "timestamp with time zone",
        "resumes_at": "timestamp with time zone",
        "canceled_at": "timestamp with time zone",
        "cancel_at_period_end": "boolean",
    },
    "subscription_plans": {"billing_interval": "text", "interval_count": "integer", "features": "jsonb"},
    "carts": {"user_id": "uuid", "token_hash": "bytea", "expires_at": "timestamp with time zone"},
    "cart_items": {"cart_id": "uuid", "quantity": "integer"},
    "addresses": {"type": "text", "user_id": "uuid"},
    "reviews": {
        "product_id": "uuid",
        "service_id": "uuid",
        "rating": "smallint",
        "status": "text",
        "moderated_by": "uuid",
        "is_verified_purchase": "boolean",
    },
    "notifications": {
        "user_id": "uuid",
        "channel": "text",
        "priority": "text",
        "is_read": "boolean",
        "expires_at": "timestamp with time zone",
    },
    "audit_logs": {
        "user_id": "uuid",
        "action": "text",
        "resource": "text",
        "resource_id": "text",
        "ip_address": "inet",
        "created_at": "timestamp with time zone",
        "changes": "jsonb",
    },
    "coupons": {
        "type": "text",
        "amount": "numeric(10,2)",
        "percentage": "numeric(6,3)",
        "usage_limit": "integer",
        "usage_limit_per_customer": "integer",
        "starts_at": "timestamp with time zone",
        "ends_at": "timestamp with time zone",
    },
    "coupon_usages": {"coupon_id": "uuid", "order_id": "uuid", "user_id": "uuid"},
}

#: Enums: (table, column) → the specification's values, and what Lex adds to them
ENUMS = {
    ("users", "role"): ({"super_admin", "admin", "moderator", "user", "guest"}, set()),
    ("services", "service_type"): ({"one_time", "recurring", "subscription", "consultation"}, set()),
    ("orders", "order_type"): ({"product", "service", "mixed"}, set()),
    ("payments", "provider"): ({"stripe", "paypal", "square", "razorpay"}, {"sandbox"}),
    ("payment_methods", "type"): (
        {"card", "bank_account", "paypal", "apple_pay", "google_pay", "crypto"},
        set(),
    ),
    ("addresses", "type"): ({"billing", "shipping", "both"}, set()),
    ("notifications", "channel"): ({"in_app", "email", "sms", "push"}, set()),
    ("coupons", "type"): ({"fixed", "percentage"}, {"free_shipping", "buy_x_get_y"}),
}

#: The lines of the diagram and "Relationships": (child, column) → parent. The audit trail outlives whom it names.
RELATIONS = {
    ("orders", "user_id"): "users",
    ("order_items", "order_id"): "orders",
    ("order_items", "product_id"): "products",
    ("order_items", "service_id"): "services",
    ("payments", "order_id"): "orders",
    ("payments", "user_id"): "users",
    ("refunds", "payment_id"): "payments",
    ("products", "category_id"): "categories",
    ("categories", "parent_id"): "categories",
    ("services", "category_id"): "service_categories",
    ("carts", "user_id"): "users",
    ("cart_items", "cart_id"): "carts",
    ("addresses", "user_id"): "users",
    ("reviews", "user_id"): "users",
    ("reviews", "product_id"): "products",
    ("reviews", "service_id"): "services",
    ("notifications", "user_id"): "users",
    ("payment_methods", "user_id"): "users",
    ("subscriptions", "user_id"): "users",
    ("subscriptions", "plan_id"): "subscription_plans",
    ("coupon_usages", "coupon_id"): "coupons",
    ("coupon_usages", "user_id"): "users",
}

#: "Unique Indexes: Email, SKU, slug fields" and the fields marked unique: (table, column)
UNIQUE = [
    ("users", "email_blind_index"),
    ("products", "sku"),
    ("products", "slug"),
    ("categories", "slug"),
    ("services", "slug"),
    ("service_categories", "slug"),
    ("subscription_plans", "slug"),
    ("coupons", "code"),
]

#: "Indexes" of each section: table → columns, each leading an index idx_<table>_<column>
INDEXES = {
    "users": ["email", "role", "is_active", "created_at"],
    "products": ["slug", "sku", "category_id", "price", "is_active", "is_featured"],
    "categories": ["slug", "parent_id", "order"],
    "services": ["slug", "service_type", "category_id", "price"],
    "orders": ["order_number", "user_id", "status", "payment_status"],
    "order_items": ["order_id", "product_id", "service_id"],
    "payments": ["user_id", "order_id", "status", "provider", "provider_payment_id"],
    "subscriptions": ["user_id", "plan_id", "status", "current_period_end"],
    "audit_logs": ["user_id", "action", "resource", "created_at"],
}
#: "Composite Indexes", and the "multiple composite indexes" of reviews
COMPOSITE = {
    "idx_order_items_order_id": "(order_id, item_type)",
    "idx_reviews_product_id": "(product_id, status, rating)",
    "idx_reviews_service_id": "(service_id, status, rating)",
    "idx_payments_user_id": "(user_id, status)",
    "idx_notifications_user_id": "(user_id, is_read, created_at)",
}
#: "Full-text Search: name, description" and "JSONB Indexes": index → what it is on
GIN = {
    "idx_products_search": "search",
    "idx_services_search": "search",
    "idx_products_name": "name",
    "idx_services_name": "name",
    "idx_products_options": "options",
    "idx_products_attributes": "attributes",
    "idx_services_availability": "availability",
    "idx_coupons_scope": "scope",
    "idx_subscription_plans_features": "features",
}

#: "Paranoid tables": what is hidden instead of deleted. All others of the entities stand in KEPT or are told here:
#: a line taken out of a cart is gone, and the audit trail says so.
SOFT_DELETED = (
    *("users", "products", "categories", "services", "service_categories", "carts", "addresses", "reviews"),
    *("notifications", "payment_methods", "subscriptions", "subscription_plans", "coupons"),
)
#: "Orders: cannot be deleted", and what shares their fate
KEPT = ("orders", "order_items", "payments", "refunds", "coupon_usages", "audit_logs")

#: "PII: encrypted at rest": only ciphertext, or the blind index of it, can be in these
ENCRYPTED = {
    "users": ["email", "first_name", "last_name", "phone", "birth_date", "notes", "two_factor_secret"],
    "addresses": ["recipient_name", "company", "line1", "line2", "phone"],
    "orders": ["email", "phone", "billing_address", "shipping_address", "customer_note"],
    "payment_methods": ["provider_token", "provider_customer_id"],
    "bookings": ["notes"],
    "order_events": ["note"],
    "invoices": ["recipient"],
}

#: "Migration Files"
MIGRATIONS = [
    "20250126000001_create_initial_tables",
    "20250126000002_create_order_payment_tables",
    "20250126000003_create_user_feature_tables",
    "20250126000004_create_subscription_coupon_tables",
]
