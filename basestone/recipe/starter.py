"""The recipe that ``basestone init`` writes for a user's own images: short, commented, and sound as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from basestone.core.document import dump
from basestone.core.errors import UsageError

SourceKind = Literal["folder", "parquet"]

_FOLDER = """\
  # A folder of class folders: {path}/CLASS/name.png, or with splits {path}/train/CLASS/name.png.
  source:
    kind: folder
    root: {quoted}
"""
_PARQUET = """\
  # Parquet files with an image column, as the Hugging Face hub has them. A pattern such as part-*.parquet is fine.
  source:
    kind: parquet
    files:
      train: {quoted}
      # test: PATH          # without it, data.split.test takes a share of train
    image: image            # the column with the image, {{bytes, path}} or bytes
    label: label            # the column with the class, a whole number or a name
"""
_RECIPE = """\
# {name}: a first recipe. `basestone check` finds its faults, `basestone plan` says what an audit of it can decide,
# `basestone run` walks all of it. Every option, with its default: `basestone schema`, docs/recipe.md.
schema_version: 1
name: {name}
task: image_classification
seed: 0

data:
{source}  image_size: 32            # pixels; every image is resized to this side
  channels: 3               # 3 RGB, 1 grey
  split: {{validation: 0.1, test: 0.2}}
  # deduplicate: drop_near  # remove from train what test already holds

stages:
  pretrain:
    model: {{kind: small_cnn, widths: [32, 64, 128]}}
    # model: {{kind: timm, name: resnet18, small_input: true}}
    augment:
      - {{kind: pad_crop, padding: 4}}
      - {{kind: flip}}        # leave it out where left and right differ in meaning: digits, text
    fit:
      epochs: 20
      batch_size: 64
      optimizer: {{kind: adamw, lr: 1e-3, weight_decay: 0.01}}
      schedule: {{kind: cosine}}
      early_stop: {{patience: 5}}

  audit:
    profile: foundation-1
    declare:                # what you promise: the audit shows it, refutes it, or leaves it open
      GEN-1: 0.8            # accuracy on the test split
      LAT-1: 0.1            # seconds, 99 % of single predictions
      CST-2: {{flops: 1e+9, memory: 2e+9, energy: 10}}  # a prediction: FLOPs, peak bytes of the process, joules

  report: {{}}
"""


def starter(path: str | Path, kind: SourceKind | None = None, name: str | None = None) -> str:
    """The text of a recipe for images in a folder of class folders or in parquet files.

    ``kind`` None: a folder that holds class folders, or a parquet file (a pattern of them: say so). ``name`` is the
    recipe's and so the run folder's; None takes the path's last part. UsageError when the path is neither.
    """
    kind = kind or _kind(Path(path))
    source = (_FOLDER if kind == "folder" else _PARQUET).format(
        path=path, quoted=dump([str(path)]).removeprefix("- ").rstrip("\n")
    )
    return _RECIPE.format(name=name or _name(Path(path)), source=source)


def _kind(path: Path) -> SourceKind:
    if path.is_dir():
        return "folder"
    if path.suffix == ".parquet":
        return "parquet"
    raise UsageError(f"Images must lie in a folder of class folders or in a .parquet file; '{path}' is neither.")


def _name(path: Path) -> str:
    """A recipe's name from a path: lower case, and what a name may not hold becomes a dash."""
    words = re.sub(r"[^a-z0-9._-]+", "-", path.resolve().stem.lower()).strip("-._")
    return words[:64] or "my-images"
