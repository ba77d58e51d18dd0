"""Architectures written here, one a file. Those of a library come through ``sources``."""
