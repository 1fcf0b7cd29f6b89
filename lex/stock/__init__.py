"""How many there are: holds before payment, movements for every change.

Owns `stock_holds`, `stock_movements` and the counters `products.stock_quantity` and `products.reserved_quantity`.
Invariants: reserved = Σ holds; on hand = Σ movements; 0 ≤ reserved ≤ on hand.
"""
