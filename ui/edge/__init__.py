"""The edge of the server: which requests come in, from whom, how large, how many; changes to uvicorn."""

__all__ = [
    "addresses",
    "allowed_routes",
    "bearer_tokens",
    "body_limit",
    "caller",
    "fair_queue",
    "file_values",
    "json_bounds",
    "page_sessions",
    "uvicorn_patches",
]
