"""Images and files made by hand for the data room's tests."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def encoded(pixels, kind="PNG", **options):
    """An encoded file of H×W or H×W×3 uint8 pixels."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def pictures(count, side=32, seed=0, channels=3):
    """Distinct images with broad and fine structure, N×C×H×W uint8."""
    generator = np.random.default_rng(seed)
    shape = (side, side) if channels == 1 else (side, side, 3)
    images = []
    for _ in range(count):
        layers = [
            np.asarray(Image.fromarray(generator.integers(0, 256, (n, n, 3), dtype=np.uint8)).resize((side, side), 3))
            for n in (3, 8, 16)
        ]
        mixed = np.mean(layers, axis=0, dtype=float)
        images.append(mixed.mean(2) if channels == 1 else mixed)
    stacked = np.stack(images).reshape(count, *shape).round().astype(np.uint8)
    return stacked[:, None] if channels == 1 else np.ascontiguousarray(stacked.transpose(0, 3, 1, 2))


def write_parquet(path: Path, images, labels, *, names=None, struct=True, **groups):
    """Rows of encoded images and labels as the hub writes them."""
    cells = [{"bytes": image, "path": None} for image in images] if struct else list(images)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())]) if struct else pa.binary()
    table = pa.table({"image": pa.array(cells, type=kind), "label": pa.array(labels), **groups})
    if names:
        features = {"label": {"_type": "ClassLabel", "names": names}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def pngs(images):
    """N×C×H×W uint8 to encoded files."""
    return [encoded(i[0] if len(i) == 1 else np.ascontiguousarray(i.transpose(1, 2, 0))) for i in images]
