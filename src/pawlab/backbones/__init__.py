"""Pretrained networks: the table of them, and the readers that bring each into one form."""
