"""What somebody is about to buy. Owns `carts`, `cart_items`.

Invariants: one open cart per user; a guest cart is opened by its token alone; `version` grows with every change.
"""
