"""What was sold: orders with snapshot lines, their timeline, fulfilment, downloads, guest links, invoices.

Owns `orders`, `order_items`, `order_events`, `order_tokens`, `fulfilments`, `fulfilment_items`, `downloads`,
`invoices`, `invoice_counters`. Invariants: an order is never deleted, only canceled; its total never changes; its
lines never join the catalogue to know what was sold.
"""
