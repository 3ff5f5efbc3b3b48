"""Pretrained networks, and the features they compute."""
