"""Goods: the category tree, products and their variants, digital files.

Owns `categories`, `products`, `digital_files`. Invariants: no cycle in the tree, SKU and slug unique among the living,
0 ≤ reserved ≤ on hand where inventory is tracked. A row that other rows name in `variant_of` is a family: it is shown
with its variants and cannot itself be sold; its price is the lowest of theirs.

Verbs: `categories` (create, change, delete, ensure_path), `commands` (create, change, delete products), `files` (put,
add, list, remove). Reads: `queries` (category_tree, list_products, get_product), built of `listing`, `facets`, `parts`.
Stock lies above: `flows/add_product` makes a product and receives its first units.
"""
