"""Which models are there, how large are they, and under which licence are their weights?

A short list of models that are known to work here (torchvision's other ResNets and Inception v3 cost what timm's do),
and any model of timm by a part of its name. Costs are counted while only shapes flow through the networks, so that the
list is quick and needs no memory. Imports no torch until asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from basestone.core.errors import UsageError, did_you_mean
from basestone.core.spec import ImageSpec
from basestone.models.catalogue import MODELS

SEARCH_LIMIT = 20  # about half a second each

_TASKS = ("image_classification",)
_SMALL_SIDE = 32
_TORCHVISION_LICENCE = "unknown (torchvision states none; its code is BSD-3-Clause, the training data ImageNet-1k)"
_NO_WEIGHTS = "none (no pretrained weights are shipped)"
_RESNET, _ALEXNET = "arXiv:1512.03385", "arXiv:1404.5997"
_INCEPTION_V3, _INCEPTION_V4 = "arXiv:1512.00567", "arXiv:1602.07261"


@dataclass(frozen=True)
class _Entry:
    """One row before anything is counted: its recipe section, its usual input side and its paper."""

    kind: str
    name: str
    side: int
    paper: str
    small_input: bool = True

    @property
    def section(self) -> dict[str, Any]:
        return {"kind": self.kind} | ({} if self.kind == "small_cnn" else {"name": self.name})


_CURATED = (
    _Entry("small_cnn", "small_cnn", _SMALL_SIDE, "arXiv:1512.03385 (reduced)", small_input=False),
    _Entry("timm", "resnet18", 224, _RESNET),
    _Entry("timm", "resnet34", 224, _RESNET),
    _Entry("timm", "resnet50", 224, _RESNET),
    _Entry("timm", "resnet101", 224, _RESNET),
    _Entry("timm", "inception_v3", 299, _INCEPTION_V3),
    _Entry("timm", "inception_v4", 299, _INCEPTION_V4),
    _Entry("torchvision", "alexnet", 224, _ALEXNET),
    _Entry("torchvision", "resnet18", 224, _RESNET),
)


def list_models(task: str, search: str | None = None) -> list[dict[str, Any]]:
    """Rows of models for a task: the curated list, or the models whose name contains ``search``.

    A search looks in the list and then, in alphabetical order, in timm; it finds ``SEARCH_LIMIT`` models at most.

    Each row: ``name``; ``kind``; ``recipe``, the line to paste; ``parameters`` (1,000 classes; 10 for small_cnn);
    ``flops`` of one forward pass (2 × MAC) at ``input`` (C, H, W); ``flops_small``, the same at 3×32×32 with
    ``small_input: true``, None where there is no such stem; ``weights_licence``, "unknown" rather than a guess;
    ``source``; ``note``, why a number is None, else empty.

    Raises:
        UsageError: no such task, or no model's name contains ``search``.
    """
    if task not in _TASKS:
        raise UsageError(f"There is no task '{task}'.{did_you_mean(task, _TASKS)}")
    entries = _CURATED if search is None else _find(search)
    return [_row(entry) for entry in entries]


def _find(search: str) -> list[_Entry]:
    import timm

    text = search.lower()
    curated = [entry for entry in _CURATED if text in entry.name]
    listed = {entry.name for entry in curated if entry.kind == "timm"}
    names = [name for name in timm.list_models() if text in name and name not in listed]
    found = [*curated, *map(_timm_entry, names)][:SEARCH_LIMIT]
    if not found:
        from basestone.models.sources.faults import unknown_name

        raise unknown_name("timm", search, timm.list_models())
    return found


def _timm_entry(name: str) -> _Entry:
    import timm

    config = timm.get_pretrained_cfg(name)
    side = config.input_size[-1] if config is not None else 224
    paper = str(config.paper_ids) if config is not None and config.paper_ids else "paper not stated by timm"
    return _Entry("timm", name, side, paper, small_input=False)


def _row(entry: _Entry) -> dict[str, Any]:
    options = ", ".join(f"{key}: {value}" for key, value in entry.section.items())
    parameters, flops, note = _cost(entry.section, entry.side)
    small = _cost(entry.section | {"small_input": True}, _SMALL_SIDE)[1] if entry.small_input else None
    return {
        "name": entry.name,
        "kind": entry.kind,
        "recipe": f"model: {{{options}}}",
        "parameters": parameters,
        "flops": flops,
        "input": [3, entry.side, entry.side],
        "flops_small": small,
        "weights_licence": _licence(entry),
        "source": _source(entry),
        "note": note,
    }


def _cost(section: dict[str, Any], side: int) -> tuple[int | None, int | None, str]:
    """Parameters, FLOPs and an empty note; or None, None and the reason."""
    import torch

    from basestone.models.model import describe

    options = MODELS.options(section["kind"])(**section)
    try:
        with torch.device("meta"):
            module = MODELS.build(options, _spec(side, 10 if section["kind"] == "small_cnn" else 1000))
        cost = describe(module, (3, side, side))
    except (
        UsageError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:  # some of timm's 1,300 cannot be built for shapes alone
        return None, None, f"not counted: {str(error).splitlines()[0]}"
    return cost.parameters, cost.flops, ""


def _spec(side: int, num_classes: int) -> ImageSpec:
    names = tuple(map(str, range(num_classes)))
    return ImageSpec(channels=3, height=side, width=side, class_names=names, mean=(0.5,) * 3, std=(0.25,) * 3)


def _licence(entry: _Entry) -> str:
    if entry.kind == "small_cnn":
        return _NO_WEIGHTS
    if entry.kind == "torchvision":
        return _TORCHVISION_LICENCE
    import timm

    config = timm.get_pretrained_cfg(entry.name)
    if config is None or not config.has_weights:
        return _NO_WEIGHTS
    return f"{config.license or 'unknown'} ({entry.name}.{config.tag})" if config.tag else config.license or "unknown"


def _source(entry: _Entry) -> str:
    library = {
        "small_cnn": "basestone (Apache-2.0)",
        "timm": "timm (Apache-2.0)",
        "torchvision": "torchvision (BSD-3-Clause)",
    }
    return f"{entry.paper}; {library[entry.kind]}"
