"""The version of fkd."""

__version__ = "0.3.0"
