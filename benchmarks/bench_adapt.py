"""One step of fine-tuning by LoRA: Basestone's loop and adaptation against Hugging Face Trainer with peft.

    python benchmarks/bench_adapt.py [--batch 32] [--steps 12] [--rounds 7] [--precision fp32] [--method lora]

The same BERT, the same texts of AG News (of ``pydoc_data.topics`` without ``BASESTONE_DATA``) cut by the same tokenizer
and padded to the longest of the batch, AdamW without clipping, dropout and precision alike. What is measured is the
time between two requests for a batch, so that set-up does not count. ``--method full`` trains every weight instead.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basestone.adaptation.methods import METHODS
from basestone.core.batch import Batch
from basestone.core.contracts import Loss
from basestone.core.spec import TextSpec
from basestone.data.text.tokenizers import TOKENIZERS, Vocabulary
from basestone.models.catalogue import INITS, MODELS
from basestone.models.head import head_of
from basestone.training.loop import fit
from basestone.training.options import FitOptions
from loops import OFFLINE, Nobody
from side_by_side import alternate, folder_of, machine, options, publish, rates, ratio_chart, ratios, table

OURS, THEIRS = "Basestone fit", "Hugging Face Trainer + peft"
BERT = {"kind": "bert", "layers": 4, "width": 256, "heads": 4, "drop_rate": 0.1}
LORA = {"rank": 8, "alpha": 16.0}
LENGTH, SETTLING = 96, 3


def texts(count: int) -> tuple[list[str], list[int]]:
    """News and their four kinds, or topics of Python's own help and whether they are long."""
    folder = os.environ.get("BASESTONE_DATA")
    if folder:
        import pyarrow.parquet as pq

        rows = pq.read_table(Path(folder) / "ag_news" / "train.parquet").slice(0, count).to_pydict()
        return rows["text"], rows["label"]
    from pydoc_data.topics import topics

    found = [part for text in topics.values() for part in text.split("\n\n") if len(part) > 80][:count]
    return found, [int(len(text) > 300) for text in found]


class Texts(torch.utils.data.Dataset[Any]):
    """Cut texts, handed out a batch at a time and padded to its longest: the clock of both sides."""

    def __init__(self, count: int) -> None:
        """``count`` texts, or all that there are."""
        said, labels = texts(count)
        make = TOKENIZERS.build(TOKENIZERS.options("wordpiece")(kind="wordpiece", vocab_size=4000))
        tokenizer = make(iter([said]))
        vocabulary = Vocabulary.of(tokenizer)
        cut = [found.ids[: LENGTH - 2] for found in tokenizer.encode_batch_fast(said, add_special_tokens=False)]
        self.ids = [np.array([vocabulary.start, *ids, vocabulary.end]) for ids in cut]
        self.targets, self.asked = np.array(labels), list[float]()
        self.spec = TextSpec(
            vocab_size=vocabulary.size,
            max_length=LENGTH,
            pad=vocabulary.pad,
            start=vocabulary.start,
            end=vocabulary.end,
            mask=vocabulary.mask,
            class_names=tuple(map(str, range(int(self.targets.max()) + 1))),
        )

    def __len__(self) -> int:
        """The number of texts."""
        return len(self.ids)

    def batch(self, positions: np.ndarray, generator: object = None, *, epoch: int = 0) -> Batch:
        """What Basestone calls."""
        inputs, targets = self.__getitems__(positions.tolist())
        return Batch(inputs=inputs, targets=targets, index=torch.from_numpy(positions))

    def __getitems__(self, chosen: Sequence[int]) -> tuple[Tensor, Tensor]:
        """What a ``DataLoader`` calls."""
        self.asked.append(time.perf_counter())
        held = [self.ids[place] for place in chosen]
        inputs = np.full((len(held), max(map(len, held))), self.spec.pad, np.int64)
        for row, ids in zip(inputs, held, strict=True):
            row[: len(ids)] = ids
        return torch.from_numpy(inputs), torch.from_numpy(self.targets[list(chosen)])


def network(spec: TextSpec) -> nn.Module:
    model = MODELS.build(MODELS.options("bert").model_validate(BERT), spec)
    INITS.build(INITS.options("default")(kind="default"), model, 0)
    return model.train()


def objective(model: nn.Module, batch: Batch) -> Loss:
    return Loss(total=F.cross_entropy(model(batch.inputs), batch.targets, reduction="sum"), count=len(batch))


def ours(data: Texts, batch: int, precision: str, method: str) -> nn.Module:
    chosen = METHODS.options(method).model_validate({"kind": method, **(LORA if method == "lora" else {})})
    model = network(data.spec)
    METHODS.build(chosen, model, head_of(model), 1)
    adamw = {"kind": "adamw", "lr": 1e-3, "weight_decay": 0.0}
    values = {"epochs": 1, "batch_size": batch, "precision": precision, "optimizer": adamw}
    whole = FitOptions.model_validate(values | {"schedule": {"kind": "constant"}})
    with tempfile.TemporaryDirectory() as folder:
        fit(model, data, None, objective, whole, seed=0, folder=Path(folder), tracker=Nobody())
    return model


def hugging_face(data: Texts, batch: int, precision: str, method: str) -> nn.Module:
    from peft import LoraConfig, inject_adapter_in_model
    from transformers import PrinterCallback, Trainer, TrainingArguments
    from transformers.utils.logging import set_verbosity_error

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network(data.spec)

        def forward(self, input_ids: Tensor, labels: Tensor) -> dict[str, Tensor]:
            logits = self.network(input_ids)
            return {"loss": F.cross_entropy(logits, labels), "logits": logits}

    set_verbosity_error()
    model = Classifier()
    if method == "lora":
        named = ["query", "key", "value", "dense"]
        inject_adapter_in_model(LoraConfig(r=LORA["rank"], lora_alpha=LORA["alpha"], target_modules=named), model)
        for name, weight in model.named_parameters():
            weight.requires_grad_("lora_" in name or ".head." in name)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=1,
            per_device_train_batch_size=batch,
            learning_rate=1e-3,
            weight_decay=0.0,
            bf16=precision == "bf16",
            use_cpu=True,
            max_grad_norm=0.0,
            lr_scheduler_type="constant",
            logging_strategy="no",
            logging_nan_inf_filter=False,
            save_strategy="no",
            eval_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
        )
        trainer = Trainer(model, arguments, lambda held: dict(zip(("input_ids", "labels"), held, strict=True)), data)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return model.network


def step_seconds(side: Any, data: Texts, batch: int, precision: str, method: str) -> float:
    """Seconds a step, over all requests for a batch but the first. RuntimeError: it did not train what it must."""
    data.asked.clear()
    start = network(data.spec).state_dict()
    after = {
        name.replace(".base_layer", ""): weight
        for name, weight in side(data, batch, precision, method).state_dict().items()
    }
    moved = {name for name, weight in start.items() if not torch.equal(weight, after[name])}
    body = any(name.startswith("body.") for name in moved)
    if not any(name.startswith("head.") for name in moved) or body != (method == "full"):
        raise RuntimeError(
            f"'{method}' must train the head{' and the body' if method == 'full' else ' alone of what was there'}."
        )
    steps = len(data) // batch - SETTLING
    return (data.asked[SETTLING + steps - 1] - data.asked[SETTLING - 1]) / steps


def main() -> None:
    parser = options(__doc__, rounds=7)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=12, help="steps that count, of each side in each round")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--method", choices=["lora", "full"], default="lora")
    asked = parser.parse_args()
    if asked.quick:
        asked.batch, asked.steps, asked.rounds = 8, 3, 2
    os.environ.update(OFFLINE)
    data = Texts(asked.batch * (asked.steps + SETTLING))
    sides = {
        name: partial(step_seconds, side, data, asked.batch, asked.precision, asked.method)
        for name, side in ((THEIRS, hugging_face), (OURS, ours))
    }
    times = alternate(sides, asked.rounds)
    found, speeds = ratios(times, THEIRS), rates(times, asked.batch)
    what = f"{asked.method}, BERT 4 × 256, ≤ {LENGTH} tokens, batch {asked.batch}, {asked.precision}"
    table(f"Step of fine-tuning: {what}", "texts/s", speeds, found, THEIRS)
    results = {
        "what": what,
        "settings": {name: getattr(asked, name) for name in ("batch", "steps", "rounds", "precision", "method")},
        "seconds_a_step": times,
        "texts_per_s": speeds,
        "time_ratio_to_hugging_face": found,
        "peers": {package: metadata.version(package) for package in ("transformers", "peft", "accelerate")},
    }
    axes = (f"time of a step relative to {THEIRS} (less is faster)", "training loop")
    subtitle = f"{what} · {asked.rounds} rounds in turn · {machine()['processor']}"
    chart = ratio_chart(found, "What a step of fine-tuning costs", axes, subtitle)
    publish(f"adapt-{asked.method}-{asked.precision}", results, chart, folder_of(asked))


if __name__ == "__main__":
    main()
