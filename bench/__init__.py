"""Measurements beside the real thing, in one run: `make bench`."""
