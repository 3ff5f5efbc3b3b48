"""Folders, archives and addresses -> files on this machine that are, or may be, pictures."""
