"""Services without torch and without a run: real processes, frames, log and sockets around models of a few lines.

One answers 2×2 pictures by a linear map; one writes the alphabet on, token by token, from wherever a text ends. As a
program: a nursery for the file descriptor that it is given, or a server in a folder.
"""

from __future__ import annotations

import codecs
import sys
from functools import partial
from itertools import zip_longest
from pathlib import Path

import numpy as np

from basestone.core.errors import DataError
from basestone.core.spec import ImageSpec
from basestone.serving.access import Access
from basestone.serving.journal import Journal
from basestone.serving.nursery import Nursery, tend
from basestone.serving.offer import Offer
from basestone.serving.review import ReviewQueue
from basestone.serving.safety import Unguarded
from basestone.serving.server import Post, run_server
from basestone.serving.service import Service
from basestone.serving.sieve import Filter, Sieve
from basestone.serving.stop import Switch

LABELS = ("cat", "cow", "dog")
SPEC = ImageSpec(channels=1, height=2, width=2, class_names=LABELS, mean=(0.0,), std=(1.0,))
WEIGHTS = np.random.default_rng(0).normal(size=(4, len(LABELS))).astype(np.float32)
LAST = ord("z")


class Alphabet:
    """Tokens are bytes; 0 is the end."""

    end = 0

    def tokens(self, text):
        if not text:
            raise DataError("'text_input' must be a text, and is empty.")
        return list(text.encode())

    def speaker(self, prompt):
        decoder = codecs.getincrementaldecoder("utf-8")()
        return lambda token: decoder.decode(bytes([token]))


def offer(writes=False):
    from basestone.data.received import reader_for

    told = {"name": "tiny", "version": "1", "guard": Unguarded(), "parameters": {"proven": True}}
    if writes:
        return Offer(labels=(), reader=None, tongue=Alphabet(), **told)
    return Offer(labels=LABELS, reader=reader_for(SPEC, Path("none")), **told)


def sieve(folder, **request):
    """Keeps back what has a q in it, judged six letters at a time: 10 for each, −5 for none."""
    cut = partial(zip_longest, fillvalue="")
    told = Filter(
        name="no-q",
        version="1",
        labels=("fine", "q"),
        harmful="q",
        threshold=0.0,
        stretches=lambda text: ["".join(one) for one in cut(*[iter(text)] * 6)],
        read=lambda texts: np.array([list(text.ljust(6)) for text in texts], np.int64),
        score=lambda logits: (logits[:, 1] - logits[:, 0]).astype(np.float64),
        request={"filters": True, **request},
    )
    return Sieve(told, Nursery([sys.executable, __file__], told.request, folder / "filter.log"))


def service(folder, writes=False, **options):
    """Not yet started; to be made in the loop that it will run in."""
    nursery = Nursery([sys.executable, __file__], {"writes": writes}, folder / "worker.log")
    labels = options["sieve"].filter.labels if "sieve" in options else LABELS
    journal = Journal(lambda: ReviewQueue(folder / "review.db", labels), folder / "anchors.jsonl", None)
    return Service(offer(writes), journal, Switch(folder), nursery, **options)


def linear(header, batch):
    pixels = batch / np.float32(255) if batch.dtype == np.uint8 else batch
    return {}, pixels.reshape(len(batch), 4).astype(np.float32) @ WEIGHTS


def letters(header, batch):
    return {}, np.stack([np.full(len(batch), 5.0), 10.0 * (batch == ord("q")).sum(1)], 1).astype(np.float32)


def answering(request, prepared):
    if request.get("filters"):
        if request.get("broken"):
            raise OSError("no filter here")
        return letters, {"runtime": "numpy", "torch": False}
    if not request["writes"]:
        return linear, {"runtime": "numpy", "torch": "torch" in sys.modules}
    last = {}

    def write(question, prompt):
        number = question["text"]
        if question.get("end"):
            last.pop(number, None)
            return {}, None
        before = last[number] if prompt is None else int(prompt[-1])
        last[number] = 0 if before >= LAST else before + 1
        return {"token": last[number], "logprob": -1.5}, None

    return write, {"runtime": "alphabet", "torch": "torch" in sys.modules}


def serve(folder, certificate, key):
    post = Post(folder=folder, host="127.0.0.1", port=0, grpc_port=0, tls=(certificate, key))

    async def make():
        return service(folder, on_worker=post.worker_started)

    run_server(make, Access(keys=None), offer(), post)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(*map(Path, sys.argv[2:]))
    else:
        tend(int(sys.argv[1]), lambda request: None, answering)
