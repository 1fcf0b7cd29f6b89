"""Discount codes and their use. Owns `coupons`, `coupon_codes`, `coupon_usages`.

Invariants: `used_count` is the number of uses held or redeemed and passes no limit; a unique code works once; an order
uses a coupon once. Verbs: `commands` keep the coupons, `holding` their uses, `rules` say what they take off.
"""
