"""Features of real texts: our extraction against sentence-transformers' ``encode``, same encoder, same tokenizer.

    BASESTONE_DATA=… python benchmarks/bench_extract.py [--texts 320] [--run RUN] [--rounds 5]

The encoder is a BERT of MiniLM's shape (6 layers, 384 wide, 12 heads) with a WordPiece vocabulary trained on AG News;
its weights are random, or those of a run's ``pretrain`` stage (``--run``). Both sides get the texts as strings, cut
them into at most 96 tokens, and give the mean over each text's tokens as float32. Theirs is the default: batches of 32
by length, PyTorch in float32. Ours: batches by a budget of tokens, run by PyTorch or, compiled once for every length,
by OpenVINO. What is compared is checked first: each text's cosine to their embedding is at least 0.99, and so it is
after their mean over all texts was taken from both, as without training all texts point nearly the same way.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from basestone.compression.export import traced_openvino
from basestone.compression.runtime import RuntimeModule, openvino_predictor, unavailable, usable_threads
from basestone.core.artifact import read_json
from basestone.core.contracts import View
from basestone.core.run import RunFolder
from basestone.core.spec import TextSpec
from basestone.data.dataset import open_split, prepare
from basestone.data.text.options import TextData
from basestone.data.text.splits import LENGTHS_OF, Documents
from basestone.features.plan import by_length
from basestone.features.reader import Reader
from basestone.lifecycle.restore import restore
from basestone.models.catalogue import INITS, MODELS
from basestone.models.own.text_model import pooled
from basestone.recipe.schema import Extract
from basestone.training.predict import outputs
from side_by_side import alternate, folder_of, options, publish, ratio_chart, ratios, spread, table

THEIRS = "sentence-transformers"
LEAST_COSINE = 0.99
Encode = Callable[[list[str]], NDArray[np.float32]]


def encoder(run: str | None, folder: Path) -> tuple[nn.Module, Documents]:
    """The network and the test split of its data; the tokenizer is the split's."""
    if run is not None:
        from basestone.lifecycle.environment import cache_folder

        model, _ = restore(RunFolder(Path(run)), "pretrain")
        split = open_split(RunFolder(Path(run)).stage("prepare"), cache_folder(), "test", view=View(kind="documents"))
        return model, _documents(split)
    import os

    root = Path(os.environ["BASESTONE_DATA"]) / "ag_news"
    files = {name: str(root / f"{name}.parquet") for name in ("train", "test")}
    source = {"kind": "parquet", "files": files, "label": "label"}
    told = {"source": source, "tokenizer": {"kind": "wordpiece", "vocab_size": 8_000}, "max_length": 96}
    prepare(TextData.model_validate(told), seed=0, folder=folder / "data", cache_root=folder / "cache")
    split = _documents(open_split(folder / "data", folder / "cache", "test", view=View(kind="documents")))
    spec = TextSpec.from_json(read_json(folder / "data" / "card.json")["spec"])
    section = MODELS.options("bert")(kind="bert", layers=6, width=384, heads=12)  # pyright: ignore[reportCallIssue]
    model = MODELS.build(section, spec)
    INITS.build(INITS.options("default")(kind="default"), model, 0)
    return model.eval(), split


def _documents(split: Any) -> Documents:
    assert isinstance(split, Documents)
    return split


def theirs(model: Any, tokenizer: Path, spec: TextSpec, folder: Path) -> Encode:
    """Its ``Transformer`` and ``Pooling`` modules from a local folder, everything else by default."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer.from_file(str(tokenizer))
    start, end = made.id_to_token(spec.start), made.id_to_token(spec.end)
    made.post_processor = TemplateProcessing(  # pyright: ignore[reportAttributeAccessIssue]
        single=f"{start} $A {end}", special_tokens=[(start, spec.start), (end, spec.end)]
    )
    pad = made.id_to_token(spec.pad)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=made, pad_token=pad, cls_token=start, sep_token=end)
    wrapped.save_pretrained(folder)
    model.body.model.save_pretrained(folder)
    transformer = Transformer(str(folder), max_seq_length=spec.max_length)
    pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="mean")
    sentences = SentenceTransformer(modules=[transformer, pooling], device="cpu")
    return lambda texts: np.asarray(sentences.encode(texts))


def ours(model: nn.Module, split: Documents, budget: int, precision: Any = "fp32") -> Encode:
    """Cut, plan, read, put in order: what the stage does, from strings and into memory."""

    def encode(texts: list[str]) -> NDArray[np.float32]:
        documents = _cut(split, texts)
        batches = by_length(documents.lengths, budget, LENGTHS_OF)
        rows: NDArray[np.float32] | None = None
        for found, batch in outputs(model, documents, batches, precision=precision):
            rows = np.empty((len(texts), found.shape[1]), np.float32) if rows is None else rows
            rows[batch.index.numpy()] = found.numpy()
        assert rows is not None
        return rows

    return encode


def _cut(split: Documents, texts: list[str]) -> Documents:
    """Strings as a split of their own, by the split's tokenizer."""
    ids = split._encode(texts)
    ends = np.concatenate([[0], np.cumsum([len(one) for one in ids])]).astype(np.int64)
    flat = np.fromiter((number for one in ids for number in one), np.uint32, int(ends[-1]))
    where = np.arange(len(texts))
    return Documents(
        flat, ends, where, np.zeros_like(where), split.spec, row_names=texts, groups={}, texts=split._texts,
        encode=split._encode,
    )  # fmt: skip


def reader_of(model: nn.Module, spec: TextSpec) -> Reader:
    return Reader(model, "head", side="input", pool="mean", pool_tokens=pooled, pad=spec.pad).eval()


def our_sides(model: nn.Module, split: Documents) -> dict[str, Encode]:
    """PyTorch and OpenVINO, in each arithmetic that this machine has instructions for."""
    reader, budget = reader_of(model, split.spec), int(Extract.model_fields["batch_tokens"].default)
    sides = {"ours, PyTorch fp32": ours(reader, split, budget)}
    if unavailable("eager", "bf16") is None:
        sides["ours, PyTorch bf16"] = ours(reader, split, budget, "bf16")
    graph = traced_openvino(reader, (split.raw([0, 1]),))
    for precision in ("fp32", "bf16"):
        if unavailable("openvino", precision) is None:
            compiled = RuntimeModule(openvino_predictor(graph, precision, usable_threads(), free=True))
            sides[f"ours, OpenVINO {precision}"] = ours(compiled, split, budget)
    return sides


def agreement(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> dict[str, float]:
    """The least cosine of a text's two embeddings, as they are and with their mean taken from both."""
    centre = wanted.mean(0)
    return {
        "least_cosine": cosines(found, wanted).min(),
        "least_centred": cosines(found - centre, wanted - centre).min(),
    }


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    a, b = one.astype(np.float64), other.astype(np.float64)
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def timed(encode: Encode, texts: list[str]) -> float:
    started = time.perf_counter()
    encode(texts)
    return time.perf_counter() - started


def main() -> None:
    parser = options(__doc__, rounds=5)
    parser.add_argument("--texts", type=int, default=320)
    parser.add_argument("--run", help="a run folder whose pre-trained BERT is taken instead of random weights")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="extract-") as place:
        model, split = encoder(asked.run, Path(place))
        texts = split.texts(np.arange(min(48 if asked.quick else asked.texts, len(split))))
        sides = {THEIRS: theirs(model, _tokenizer(asked.run, Path(place)), split.spec, Path(place) / "theirs")}
        sides |= our_sides(model, split)
        wanted = sides[THEIRS](texts)
        agreed = {name: agreement(encode(texts), wanted) for name, encode in sides.items() if name != THEIRS}
        for name, found in agreed.items():
            print(f"{name}: least cosine {found['least_cosine']:.5f}, centred {found['least_centred']:.5f}")
            assert min(found.values()) >= LEAST_COSINE, (name, found)
        times = alternate(
            {name: partial(timed, encode, texts) for name, encode in sides.items()}, 1 if asked.quick else asked.rounds
        )
    found = ratios(times, THEIRS)
    speed = {name: spread([len(texts) / seconds for seconds in values]) for name, values in times.items()}
    title = f"features of {len(texts)} AG News texts, {usable_threads()} threads"
    table(title, "texts/s", speed, found, THEIRS)
    gain = {name: spread(list(np.array(times[THEIRS]) / np.array(values))) for name, values in times.items()}
    for name, one in gain.items():
        print(f"{name}: {one.median:.2f} × ({one.minimum:.2f}–{one.maximum:.2f}) as fast as {THEIRS}")
    axes = (f"time ÷ {THEIRS} (left is faster)", "side")
    chart = ratio_chart(found, "Features of texts", axes, title)
    results = {"texts": len(texts), "times": times, "gain": gain, "agreement": agreed, "trained": asked.run is not None}
    publish("extract", results, chart, folder_of(asked))


def _tokenizer(run: str | None, folder: Path) -> Path:
    """The file of the tokenizer that the data were cut with."""
    from basestone.lifecycle.environment import cache_folder

    data, cache = (
        (RunFolder(Path(run)).stage("prepare"), cache_folder()) if run else (folder / "data", folder / "cache")
    )
    return cache / read_json(data / "card.json")["tokens"] / "tokenizer.json"


if __name__ == "__main__":
    main()
