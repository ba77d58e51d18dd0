"""A profile of a house's own, with a few clauses of foundation-1, beside the recipe that an audit is asked by."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

PROFILE = """\
id: ours
standard: house
title: {{en: Ours, zh: 本单位}}
text: {{en: Ours., zh: 本单位。}}
tasks: ["*"]
clauses: {{{clauses}}}
"""


@contextmanager
def at_home(folder, recipe, *clauses):
    """``recipe.yaml`` and ``ours.yaml`` in the folder, which is the current one meanwhile."""
    (folder / "recipe.yaml").write_text(recipe)
    (folder / "ours.yaml").write_text(PROFILE.format(clauses=", ".join(f"{clause}: {{}}" for clause in clauses)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield
