"""Tax rates by country and class. Owns `tax_rates`."""
