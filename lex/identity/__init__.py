"""People: accounts and how they are signed in to, guests, their addresses, the keys their personal data is encrypted
under, and API keys.

Owns `users`, `person_keys`, `blind_tokens`, `addresses`, `api_keys`, `account_tokens`, `email_changes`,
`recovery_codes`, `passkeys`, `sign_in_attempts`, `data_exports`, `erasure_requests`, and the sessions in Redis.
"""
