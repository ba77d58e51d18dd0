"""What every room stands on: errors, the registry, seeds, contracts, evidence and artifacts.

Only types and plain functions that two rooms need belong here; nothing in it imports torch when it is imported.
"""
