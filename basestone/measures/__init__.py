"""What is true of a model, as numbers with bounds.

*Collectors* (torch: ``subject``, ``efficiency``, ``integrity``) run the audited model and return columns of records;
*estimators* (numpy) turn records into a ``Measurement`` and are listed by name in ``MEASURES``. Thresholds and verdicts
do not belong here (``standard``), nor does any wording for a reader (``reporting``).
"""

from basestone.measures.table import MEASURES, measure

__all__ = ["MEASURES", "measure"]
