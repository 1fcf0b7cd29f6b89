"""The outside behind small protocols: payments, mail, files, cache."""
