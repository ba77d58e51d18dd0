"""What must hold, and whether it does: clauses, profiles, the verdict rule, the forecast, and the standard's self-test.

Clauses and profiles are YAML beside the modules that read them. This room judges numbers that others measured: it opens
no model, computes no metric and words no page, and so never reaches torch.
"""

from basestone.standard.clause import Clause, Words, load_clauses
from basestone.standard.judge import judge
from basestone.standard.plan import CostModel, plan, score_forecast
from basestone.standard.profile import StandardInForce, load_profile, profile_names
from basestone.standard.selftest import Case, kill_matrix, load_cases
from basestone.standard.tailoring import resolve

__all__ = [
    "Case",
    "Clause",
    "CostModel",
    "StandardInForce",
    "Words",
    "judge",
    "kill_matrix",
    "load_cases",
    "load_clauses",
    "load_profile",
    "plan",
    "profile_names",
    "resolve",
    "score_forecast",
]
