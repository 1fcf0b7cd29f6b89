"""Product files: reading and writing the CSV of Shopify and WooCommerce.

`source` turns bytes into records with their line and groups them by product; `shopify` and `woocommerce` turn the
records of one product into a `Family` and back; `memory` keeps what a file said otherwise than Lex would write it.
"""
