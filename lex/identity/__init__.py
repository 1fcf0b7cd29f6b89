"""People: accounts, guests, their addresses, the keys their personal data is encrypted under, and API keys.

Owns `users`, `person_keys`, `blind_tokens`, `addresses`, `api_keys`.
"""
