"""pawlab: from a folder of pictures to a classifier you can trust."""

__version__ = "0.1.0"
