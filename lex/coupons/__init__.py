"""Discount codes and their use. Owns `coupons`, `coupon_usages`."""
