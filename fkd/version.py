"""The version of fkd."""

__version__ = "0.2.0"
