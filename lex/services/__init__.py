"""Bookable services: what is offered, by whom, when, and who has booked it.

Owns `service_categories`, `services`, `resources`, `service_resources`, `schedule_exceptions`, `occupancies`,
`service_slots`, `service_days`, `bookings`. Invariants: no two active occupancies of a resource overlap; a slot never
takes more than its capacity; a day never more than the service allows.
"""
