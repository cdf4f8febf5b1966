"""Hostile and unlucky input, area by area: `make torture`."""
