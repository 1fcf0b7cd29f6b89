"""Running the platform: migrations, drift, partitions, the description of the schema, health, logs.

Owns no table. Verbs: `migrations.upgrade`, `migrations.rollback`, `partitions.ensure`, `drift.drift`,
`schema_docs.pages`.
"""
