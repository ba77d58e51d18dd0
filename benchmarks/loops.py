"""The training loops that ``bench_step`` compares, each as its users write it.

What costs time and is optional is off everywhere: logs, checkpoints, progress bars, evaluation, telemetry, gradient
clipping. All get the same network, images and loss, bf16 by torch's autocast, and one ``DataLoader`` without workers,
or none. All but Keras use torch's fused SGD.
"""

from __future__ import annotations

import importlib
import logging
import os
import tempfile
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from basestone.core.batch import Batch
from basestone.core.contracts import Loss
from basestone.training.loop import fit
from basestone.training.options import FitOptions
from step_work import SGD, Images, Loop, Work, as_it_is

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "WANDB_DISABLED": "true",
    "KERAS_BACKEND": "torch",
    "KERAS_TORCH_DEVICE": "cpu",
}


class Nobody:
    """A tracker that does not listen."""

    def log(self, event: object) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def bare(model: nn.Module, images: Images, work: Work) -> None:
    """The loop that everybody writes."""
    optimizer = torch.optim.SGD(model.parameters(), **SGD, fused=True)
    for inputs, labels in images.loader(work.batch):
        with work.autocast():
            loss = F.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def ours(model: nn.Module, images: Images, work: Work) -> None:
    """With all the bookkeeping of ``fit``, which cannot be turned off; its one checkpoint follows the last request."""
    sgd = {"kind": "sgd", **SGD, "decay_norm_and_bias": True}
    values = {"epochs": 1, "batch_size": work.batch, "precision": work.precision, "channels_last": True}
    options = FitOptions.model_validate({**values, "optimizer": sgd, "schedule": {"kind": "constant"}})
    with tempfile.TemporaryDirectory() as folder:
        fit(model, images, None, objective, options, seed=0, folder=Path(folder), tracker=Nobody())


def objective(model: nn.Module, batch: Batch) -> Loss:
    return Loss(total=F.cross_entropy(model(batch.inputs), batch.targets, reduction="sum"), count=len(batch))


def hugging_face(model: nn.Module, images: Images, work: Work) -> None:
    """``transformers.Trainer``, whose models take a batch by name and return their own loss."""
    from transformers import PrinterCallback, Trainer, TrainingArguments
    from transformers.utils.logging import set_verbosity_error

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = model

        def forward(self, pixel_values: Tensor, labels: Tensor) -> dict[str, Tensor]:
            logits = self.network(pixel_values)
            return {"loss": F.cross_entropy(logits, labels), "logits": logits}

    set_verbosity_error()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=1,
            per_device_train_batch_size=work.batch,
            bf16=work.precision == "bf16",
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
        optimizer = torch.optim.SGD(model.parameters(), **SGD, fused=True)
        trainer = Trainer(Classifier(), arguments, by_name, images, optimizers=(optimizer, None))
        trainer.remove_callback(PrinterCallback)
        trainer.train()


def by_name(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    return dict(zip(("pixel_values", "labels"), as_it_is(batch), strict=True))


def lightning(model: nn.Module, images: Images, work: Work) -> None:
    """``lightning.Trainer`` in its ``barebones`` mode, which is there to measure its overhead."""
    import lightning as L

    class Classifier(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = model

        def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
            return F.cross_entropy(self.network(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), **SGD, fused=True)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    precision = "bf16-mixed" if work.precision == "bf16" else "32-true"
    with tempfile.TemporaryDirectory() as folder:
        trainer = L.Trainer(
            barebones=True, max_epochs=1, accelerator="cpu", devices=1, precision=precision, default_root_dir=folder
        )
        trainer.fit(Classifier(), images.loader(work.batch))


def keras(model: nn.Module, images: Images, work: Work) -> None:
    """Keras 3 on torch: ``Model.fit`` around the same network in a ``TorchModuleWrapper``.

    Wrapped, network and memory format are the others', so that only the framework differs; layers of Keras' own would
    compare convolutions instead. The optimizer is Keras' SGD, which has no fused kernel and decouples the decay.
    """
    import keras as K

    class Autocast(nn.Module):  # Keras' own policy does not reach into a wrapped module
        def __init__(self) -> None:
            super().__init__()
            self.network = model

        def forward(self, inputs: Tensor) -> Tensor:
            with work.autocast():
                return self.network(inputs)

    classifier = K.Sequential([K.layers.TorchModuleWrapper(Autocast(), output_shape=(None, 10))])
    classifier.compile(
        optimizer=K.optimizers.SGD(SGD["lr"], momentum=SGD["momentum"], weight_decay=SGD["weight_decay"]),
        loss=K.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    classifier.fit(images.loader(work.batch), epochs=1, verbose=0)


PEERS: dict[str, tuple[tuple[str, ...], Loop]] = {
    "Hugging Face Trainer": (("transformers", "accelerate"), hugging_face),
    "Lightning Trainer": (("lightning",), lightning),
    "Keras fit (torch)": (("keras",), keras),
}


def installed_peers() -> dict[str, Loop]:
    """The peers that can be imported; of each other one, a line on how to get it."""
    os.environ.update(OFFLINE)  # before the first import, which is when they read it
    found: dict[str, Loop] = {}
    for name, (packages, loop) in PEERS.items():
        try:
            for package in packages:
                importlib.import_module(package)
        except ImportError as missing:
            print(f"skipped: {name} ({missing}). To compare with it: pip install {' '.join(packages)}")
        else:
            found[name] = quiet(loop)
    return found


def quiet(loop: Loop) -> Loop:
    """Without the warnings about workers that would help, epochs that log nothing, and the like."""

    def run(model: nn.Module, images: Images, work: Work) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loop(model, images, work)

    return run
