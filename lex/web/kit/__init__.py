"""What every face shares: the edge of a request, bodies, guards, problems, idempotency, paging, caching, metrics."""
