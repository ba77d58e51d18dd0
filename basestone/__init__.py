"""Basestone builds foundation models and proves them to a standard."""
