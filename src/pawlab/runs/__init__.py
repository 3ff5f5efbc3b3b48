"""A run: what was requested, where it is written, and what it recorded."""
