"""What a language model makes of the test text, document by document; ``bits`` judges it.

Every token of the stream is a target once, and its nats are added up by document. Beside them stand those of a model
that only counts bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from basestone.core.batch import Batch
from basestone.measures.kneser_ney import ORDER, KneserNey
from basestone.measures.subject import Columns, Progress, Subject, batches

Blocks = Callable[[NDArray[np.int64]], Batch]


def collect_language(
    subject: Subject,
    blocks: Blocks,
    positions: NDArray[np.int64],
    documents: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    num_documents: int,
    *,
    batch_size: int,
    progress: Progress | None = None,
) -> Columns:
    """A row a document: how many tokens of it were read and what they cost.

    ``blocks`` reads the blocks at ``positions``; ``documents`` says which document each target is of (−1: none).
    """
    nats, tokens = np.zeros(num_documents), np.zeros(num_documents, np.int64)
    for part in batches(positions, batch_size, progress):
        found, _ = block_nats(subject, blocks(part))
        place = documents(part)
        held = place >= 0
        np.add.at(nats, place[held], found.numpy()[:, : place.shape[1]][held])
        np.add.at(tokens, place[held], 1)
    return {
        "index": np.arange(num_documents),
        "tokens": tokens,
        "nats": nats,
    }


def collect_blocks(subject: Subject, blocks: Blocks, positions: NDArray[np.int64], *, batch_size: int) -> Columns:
    """The columns of ``language_blocks``: of some blocks their nats, and a checksum of the likeliest tokens."""
    nats: list[float] = []
    top: list[int] = []
    for part in batches(positions, batch_size, None):
        found, likeliest = block_nats(subject, blocks(part))
        nats += found.sum(1).tolist()
        top += [zlib.crc32(row.numpy().tobytes()) for row in likeliest]
    return {"index": np.asarray(positions, np.int64), "nats": np.array(nats), "top": np.array(top, np.int64)}


def compare_blocks(before: Mapping[str, NDArray[Any]], after: Mapping[str, NDArray[Any]], length: int) -> Columns:
    """The columns of ``replay``: how far a block's mean nats a token moved, and whether all likeliest tokens agree."""
    return {
        "index": before["index"],
        "max_abs_diff": np.abs(before["nats"] - after["nats"]) / length,
        "same_prediction": (before["top"] == after["top"]).astype(np.int64),
    }


def baseline_nats(train: bytes, documents: list[bytes]) -> NDArray[np.float64]:
    """Nats of each document by a byte-level Kneser–Ney model of the training text; each follows the one before."""
    model = KneserNey(train)
    whole = b"".join(documents)
    found = np.concatenate([[0.0], np.cumsum(model.nats(whole, train[-ORDER:]))])
    ends = np.cumsum([len(document) for document in documents])
    return found[ends] - found[np.concatenate([[0], ends[:-1]])]


def block_nats(subject: Subject, batch: Batch) -> tuple[Tensor, Tensor]:
    """N×T nats of the targets (0 where there is none), float64, and N×T likeliest tokens."""
    logits = subject.logits(batch.inputs)
    with torch.inference_mode():
        missing = batch.targets < 0
        nats = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), batch.targets.clamp(min=0).flatten(), reduction="none"
        )
        nats = nats.view_as(batch.targets).double().masked_fill(missing, 0.0)
        return nats, logits.argmax(-1).masked_fill(missing, 0)
