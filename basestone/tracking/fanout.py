"""Several trackers as one; what merely watches a run cannot end it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from basestone.core.contracts import Tracker


class Fanout:
    """Hands every event to the journal, then to each exporter.

    An exporter that fails is reported once on stderr and switched off. The journal is part of the run: its failure is
    the run's.
    """

    def __init__(self, journal: Tracker, exporters: Mapping[str, Tracker]) -> None:
        """``exporters`` by the name used in the message."""
        self._journal = journal
        self._exporters = dict(exporters)

    def log(self, event: Mapping[str, Any]) -> None:
        """One event to all."""
        self._journal.log(event)
        self._each(lambda exporter: exporter.log(event))

    def close(self) -> None:
        """Closes all, the journal whatever the exporters do."""
        try:
            self._each(lambda exporter: exporter.close())
        finally:
            self._journal.close()

    def _each(self, tell: Callable[[Tracker], None]) -> None:
        for name, exporter in list(self._exporters.items()):
            try:
                tell(exporter)
            except Exception as error:  # whatever a third party's exporter raises
                del self._exporters[name]
                print(
                    f"tracker '{name}' failed and is switched off for the rest of this run; events.jsonl goes on. "
                    f"{type(error).__name__}: {error}",
                    file=sys.stderr,
                )


class Labelled:
    """Passes events on with labels of their own, such as which of several trainings they are of."""

    def __init__(self, tracker: Tracker, **labels: str) -> None:
        """``tracker`` stays open when this is closed."""
        self._tracker, self._labels = tracker, labels

    def log(self, event: Mapping[str, Any]) -> None:
        """One event, labelled."""
        self._tracker.log({**event, **self._labels})

    def close(self) -> None:
        """Nothing: the tracker is someone else's."""
