"""Words, pictures and signatures for what a run has shown.

Here belongs what makes a finished run readable (page, model card, bill of materials, terminal table) and what makes it
tamper-evident (keys, attestation). Nothing here measures or judges: numbers and verdicts arrive as JSON and records,
and leave as they came. Nothing here imports torch, so that a stranger can read and verify a run without it.
"""
