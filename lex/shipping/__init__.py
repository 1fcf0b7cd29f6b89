"""How goods reach the customer and what it costs. Owns `shipping_methods`."""
