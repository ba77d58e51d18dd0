"""The collector of foreign images: how familiar they look to the model, beside its own. Only where the recipe asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from basestone.core.errors import UsageError
from basestone.core.evidence import NotAsked, Records
from basestone.lifecycle.collect import Session
from basestone.measures.robustness.outlier_options import NOT_ASKED
from basestone.measures.robustness.outliers import OWN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from basestone.core.registry import Section
    from basestone.core.spec import ImageSpec
    from basestone.measures.subject import Raw, Subject


def outliers(session: Session) -> Mapping[str, Any]:
    """Scores of test images that ``clean_test`` holds, and of images of every foreign kind."""
    import numpy as np

    from basestone.measures.robustness.outlier_scores import Seen, collect_outliers, generated

    asked = session.section.ood
    if asked is None:
        raise NotAsked(NOT_ASKED)
    split, train, recorded = session.split("test"), session.split("train"), Records(session.folder).table("clean_test")
    own = recorded["index"][session.positions(len(recorded["index"]), asked.samples, "outliers")]
    known = session.positions(len(train), session.section.samples.train, "outliers train")
    spec, seed = cast("ImageSpec", split.spec), session.corridor.recipe.seed
    every = np.arange(asked.samples)
    foreign = {kind: (generated(kind, spec.input_shape, seed), every) for kind in asked.generated}
    if asked.source is not None:
        foreign["source"] = _other(session, asked.source, spec, asked.samples)
    return collect_outliers(
        Seen(session.subject, _head(session.subject), session.section.batch_size, session.progress("foreign images")),
        (split.raw, own),
        foreign,
        (train.raw, known, train.targets[known]),
        score=asked.score,
        own_name=OWN,
    )


def _head(subject: Subject) -> str | None:
    """The layer that answers; None where a runtime has none to look into."""
    from basestone.models.head import head_of

    try:
        return head_of(subject.model)
    except UsageError:
        return None


def _other(session: Session, source: Section, spec: ImageSpec, limit: int) -> tuple[Raw, NDArray[np.int64]]:
    """Images of another data set, in the size and the channels of the model's own."""
    import torch

    from basestone.data.cache import decoded
    from basestone.data.image import Decoding
    from basestone.data.sources import SOURCES

    decoding = Decoding(size=spec.height, channels=1 if spec.channels == 1 else 3)
    images = decoded(SOURCES.build(source), decoding, [], session.corridor.cache).images
    return lambda index: torch.from_numpy(images[index]), session.positions(len(images), limit, "outliers source")
