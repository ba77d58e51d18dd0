"""A small run as the corridor leaves it, of random but plausible records: this room is tested without the others."""

import io
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from basestone.core.artifact import Manifest, digest_files, write_json, write_text
from basestone.core.evidence import write_records
from basestone.core.run import RunFolder
from basestone.reporting.html import render
from basestone.reporting.view import ReportView, read_view

CLASSES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "<script>alert(1)</script>"]
CORRUPTIONS = {
    "noise": ["gaussian_noise", "shot_noise", "impulse_noise"],
    "blur": ["defocus_blur", "glass_blur", "motion_blur", "zoom_blur"],
    "weather": ["snow", "frost", "fog", "brightness"],
    "digital": ["contrast", "elastic_transform", "pixelate", "jpeg_compression"],
}
BASIS = {
    "kind": "convention",
    "source": "Hendrycks & Dietterich 2019",
    "note": {"en": "A convention.", "zh": "惯例。"},
}
ZH = {
    "GEN-1": "留出集性能达到声明下限",
    "GEN-2": "泛化差距受控",
    "GEN-4": "置信度已校准",
    "GEN-5": "测试数据未混入训练",
    "ROB-1": "抵御常见扰动",
    "LAT-1": "尾延迟满足时限",
    "CST-1": "记录训练算力与能耗",
    "CST-2": "推理成本不超预算",
    "SEC-1": "制品安全且已签名",
    "SEC-2": "结果可复现可追溯",
}
EN = {
    "GEN-1": "Held-out performance meets the declared floor",
    "GEN-2": "The gap between training and test accuracy is bounded",
    "GEN-4": "Confidence is calibrated",
    "GEN-5": "Test data are not in training data",
    "ROB-1": "Common corruptions are withstood",
    "LAT-1": "Tail latency meets the deadline",
    "CST-1": "Training compute and energy are recorded",
    "CST-2": "Inference cost is within budget",
    "SEC-1": "Artefacts are safe and signed",
    "SEC-2": "Every number is reproducible",
}
# clause, criterion, measure, value, lower, upper, unit, direction, threshold, n, method, verdict
TABLE = """
GEN-1 accuracy accuracy 0.953 0.930 0.970 fraction at_least 0.9 360 clopper-pearson pass
GEN-1 over_baseline accuracy_over_baseline 0.85 0.83 0.87 fraction at_least 0 360 clopper-pearson pass
GEN-2 gap accuracy_gap 0.03 0.012 0.051 fraction at_most 0.1 360 bootstrap pass
GEN-4 ece calibration_error 0.044 0.03 0.061 fraction at_most 0.05 360 bootstrap inconclusive
GEN-5 leak leakage_rate 0 0 0 fraction at_most 0.001 360 census pass
ROB-1 mean corruption_retention_mean 0.72 0.69 0.75 fraction at_least 0.7 100 bootstrap inconclusive
ROB-1 worst corruption_retention_worst 0.31 0.27 0.36 fraction at_least 0.4 100 bootstrap fail
LAT-1 p99 latency_p99 0.0031 0.0029 0.0035 s at_most 0.1 1000 order-statistic pass
CST-1 flops_error training_flops_error 0.002 0.002 0.002 fraction at_most 0.1 1 exact pass
CST-2 flops inference_flops 1.21e6 1.21e6 1.21e6 FLOP at_most 1e8 1 exact pass
CST-2 memory inference_memory 3.2e8 3.2e8 3.2e8 B at_most 1e9 1 exact pass
CST-2 energy inference_energy null null null J at_most 1 null - error
SEC-1 safe safe_files 1 1 1 fraction at_least 1 5 census pass
SEC-2 replay replay_agreement 1 0.99 1 fraction at_least 0.99 256 clopper-pearson pass
"""


def _cell(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


CRITERIA = [tuple(_cell(cell) for cell in line.split()) for line in TABLE.strip().splitlines()]
LABELS = {
    "accuracy": ("Accuracy on the test split", "测试集准确率"),
    "accuracy_over_baseline": ("Accuracy above the majority-class baseline", "相对多数类基线的准确率增益"),
    "accuracy_gap": ("Training accuracy minus test accuracy", "训练与测试准确率之差"),
    "calibration_error": ("Calibration error (smECE)", "校准误差（smECE）"),
    "leakage_rate": ("Share of test samples found in training", "测试样本混入训练的比例"),
    "corruption_retention_mean": ("Mean retention", "平均保持率"),
    "corruption_retention_worst": ("Retention of the worst family", "最差扰动族的保持率"),
    "latency_p99": ("p99 latency of one prediction", "单次预测的 p99 延迟"),
    "training_flops_error": ("Relative difference of counted and analytic FLOPs", "计数与解析运算量的相对误差"),
    "inference_flops": ("Operations per sample", "单样本运算量"),
    "inference_memory": ("Peak memory of inference", "推理峰值内存"),
    "inference_energy": ("Energy per sample", "单样本能耗"),
    "safe_files": ("Files in a safe format", "格式安全的文件比例"),
    "replay_agreement": ("Predictions that replay identically", "重放一致的预测比例"),
}
ORDER = ["fail", "error", "inconclusive", "pass"]


def make_run(path: Path) -> RunFolder:
    """Writes a finished run up to, and without, its report."""
    rng = np.random.default_rng(7)
    run = RunFolder(path)
    write_text(run.recipe, RECIPE)
    write_json(run.environment, ENVIRONMENT)
    write_text(run.events, "".join(json.dumps(event) + "\n" for event in _events(rng)))
    prepared = _prepare(run, rng)
    trained = _pretrain(run, rng, prepared)
    _audit(run, rng, prepared, trained)
    return run


def make_pictures(count: int = 12) -> list[dict]:
    """Test images as the door passes them: the most confident mistakes first."""
    rng = np.random.default_rng(3)
    pictures = []
    for index in range(count):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)).save(buffer, "PNG")
        label = index % 10
        prediction = (label + 1) % 10 if index < 6 else label
        pictures.append(
            {
                "png": buffer.getvalue(),
                "label": label,
                "prediction": prediction,
                "confidence": 0.99 - index / 50,
                "index": index,
                "row": f"digits/{index:05d}",
            }
        )
    return pictures


@pytest.fixture(scope="session")
def read_only_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """One run for all tests that only read it."""
    return make_run(tmp_path_factory.mktemp("runs") / "digits")


@pytest.fixture
def run(read_only_run: RunFolder, tmp_path: Path) -> RunFolder:
    """A run of one's own, to change."""
    shutil.copytree(read_only_run.path, tmp_path / "digits")
    return RunFolder(tmp_path / "digits")


@pytest.fixture(scope="session")
def view(read_only_run: RunFolder) -> ReportView:
    forecast = [{"name": {"en": "audit", "zh": "审计"}, "forecast": 20.0, "actual": 14.2, "unit": "s", "held": True}]
    return read_view(read_only_run, "audit", samples=make_pictures(), forecast=forecast)


@pytest.fixture(scope="session")
def page(view: ReportView) -> str:
    return render(view)


def _events(rng: np.random.Generator) -> list[dict]:
    events: list[dict] = [{"event": "stage", "stage": "pretrain", "state": "started"}]
    for step in range(1, 601):
        loss = 2.3 * math.exp(-step / 120) + 0.3 + float(rng.normal(0, 0.05))
        events.append({"event": "step", "stage": "pretrain", "step": step, "loss": loss, "lr": 3e-3 * (1 - step / 600)})
        if step % 20 == 0:
            accuracy = 0.96 - 0.8 * math.exp(-step / 90)
            held_out = {"event": "validation", "stage": "pretrain", "step": step, "loss": loss + 0.1}
            events.append(held_out | {"accuracy": accuracy})
    return events


def _prepare(run: RunFolder, rng: np.random.Generator) -> Manifest:
    folder = run.stage("prepare")
    write_records(folder / "samples.parquet", {"index": np.arange(1797), "label": rng.integers(0, 10, 1797)})
    write_records(folder / "duplicates.parquet", {"index": np.arange(360), "kind": ["none"] * 360})
    write_json(folder / "card.json", CARD)
    files = ["samples.parquet", "duplicates.parquet", "card.json"]
    return _finish(folder, "prepare", {}, files, 1.4, {"counts": {"train": 1294, "validation": 143, "test": 360}})


def _pretrain(run: RunFolder, rng: np.random.Generator, prepared: Manifest) -> Manifest:
    folder = run.stage("pretrain")
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(rng.bytes(4000))
    write_json(
        folder / "model.json", {"model": {"kind": "small_cnn", "widths": [32, 64]}, "task": "image_classification"}
    )
    write_json(folder / "cost.json", COST)
    files = ["model.safetensors", "model.json", "cost.json"]
    facts = {"steps": 600, "samples_seen": 38400, "stopped_early": False}
    return _finish(folder, "pretrain", {"prepare": prepared.digest}, files, 21.7, facts)


def _audit(run: RunFolder, rng: np.random.Generator, prepared: Manifest, trained: Manifest) -> Manifest:
    folder = run.stage("audit")
    tables = _tables(rng)
    for name, columns in tables.items():
        write_records(folder / "samples" / f"{name}.parquet", columns)
    write_json(folder / "facts.json", FACTS)
    write_json(folder / "measurements.json", _measurements())
    samples = [f"samples/{name}.parquet" for name in tables]
    write_json(folder / "verdicts.json", _verdicts(trained.digest))
    files = [*samples, "facts.json", "measurements.json", "verdicts.json"]
    parents = {"prepare": prepared.digest, "pretrain": trained.digest}
    facts = {
        "outcome": "not_met",
        "subject": "pretrain",
        "standard": {"standard": "foundation-1", "clauses": _clauses()},
    }
    return _finish(folder, "audit", parents, files, 14.2, facts)


def _finish(folder: Path, kind: str, parents: dict, files: list[str], wall_s: float, facts: dict) -> Manifest:
    manifest = Manifest(
        stage=folder.name,
        kind=kind,
        inputs="0" * 64,
        parents=parents,
        files=digest_files(folder, files),
        wall_s=wall_s,
        version="0.1.0",
        facts=facts,
    )
    manifest.write(folder)
    return manifest


def _tables(rng: np.random.Generator) -> dict[str, dict]:
    count = 360
    label = rng.integers(0, 10, count)
    logits = rng.normal(0, 1, (count, 10)).astype(np.float32)
    logits[np.arange(count), label] += 4.5
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    clean = {
        "index": np.arange(count),
        "label": label,
        "prediction": logits.argmax(1),
        "confidence": probs.max(1).astype(np.float64),
        "loss": -np.log(probs[np.arange(count), label]).astype(np.float64),
    } | {f"logit_{k}": logits[:, k] for k in range(10)}
    rows = [(i, f, c, s) for i in range(100) for f, names in CORRUPTIONS.items() for c in names for s in range(1, 6)]
    harm = {"noise": 0.15, "blur": 0.09, "weather": 0.06, "digital": 0.05}
    corrupted = {
        "index": np.array([row[0] for row in rows]),
        "family": [row[1] for row in rows],
        "corruption": [row[2] for row in rows],
        "severity": np.array([row[3] for row in rows]),
        "correct": np.array([int(rng.random() < 0.95 - harm[row[1]] * row[3]) for row in rows]),
    }
    seconds = rng.lognormal(math.log(0.0018), 0.2, 1000)
    latency = {"run": np.arange(1000), "batch_size": np.ones(1000, dtype=np.int64), "seconds": seconds}
    return {"clean_test": clean, "corrupted": corrupted, "latency": latency}


def _measurements() -> dict:
    found = {}
    for _, _, measure, value, lower, upper, unit, _, _, n, method, _ in CRITERIA:
        if value is None:
            found[measure] = {"measure": measure, "reason": "no energy counter on this machine"}
            continue
        interval = {"lower": lower, "upper": upper, "method": method, "confidence": 0.95, "decidable": True}
        found[measure] = {"measure": measure, "value": value, "unit": unit, "n": n, "interval": interval, "detail": {}}
    return found


def _verdicts(digest: str) -> dict:
    rows = []
    for clause in EN:
        criteria = [_criterion(row) for row in CRITERIA if row[0] == clause]
        worst = min(criteria, key=lambda item: ORDER.index(item["verdict"]))
        path = "samples/clean_test.parquet"
        evidence = [{"path": path, "sha256": "ab" * 32}]
        rows.append({"clause": clause, "binding": True, **worst, "criteria": criteria, "evidence": evidence})
    subject = {"stage": "pretrain", "sha256": digest}
    return {
        "schema_version": 1,
        "standard": "foundation-1",
        "profile": "demo",
        "subject": subject,
        "outcome": "not_met",
        "verdicts": rows,
    }


def _criterion(row: tuple) -> dict:
    _, name, measure, value, lower, upper, unit, direction, threshold, n, method, verdict = row
    interval = None
    if value is not None:
        interval = {"lower": lower, "upper": upper, "confidence": 0.95, "method": method}
    return {
        "criterion": name,
        "verdict": verdict,
        "measure": measure,
        "value": value,
        "unit": unit,
        "interval": interval,
        "n": n,
        "threshold": threshold,
        "direction": direction,
        "basis": BASIS,
        "needed_n": 1480 if verdict == "inconclusive" else None,
        "label": {"en": LABELS[measure][0], "zh": LABELS[measure][1]},
        "strict": threshold == 0,
        "reason": f"{LABELS[measure][0]} was judged {verdict}.",
        "reason_zh": f"{LABELS[measure][1]}的判定为 {verdict}。",
    }


def _clauses() -> list[dict]:
    return [
        {
            "id": clause,
            "title": {"en": EN[clause], "zh": ZH[clause]},
            "text": {"en": f"{EN[clause]}: what must hold, in full.", "zh": f"{ZH[clause]}：完整的要求。"},
            "criteria": [
                {"name": row[1], "label": {"en": f"Label of {row[1]}", "zh": f"{row[1]} 标签"}}
                for row in CRITERIA
                if row[0] == clause
            ],
            "references": ["ISO/IEC TS 4213", "Hendrycks & Dietterich 2019, arXiv:1903.12261"],
        }
        for clause in EN
    ]


RECIPE = """schema_version: 1
name: digits
task: image_classification
seed: 0
data:
  source: {kind: sklearn_digits}
stages:
  pretrain:
    kind: pretrain
    model: {kind: small_cnn, widths: [32, 64]}
    fit:
      epochs: 30
      batch_size: 64
      optimizer: {kind: adamw, lr: 3.0e-3}
      schedule: {kind: cosine, warmup_steps: 50}
      precision: fp32
  audit: {kind: audit, profile: demo, declare: {GEN-1: 0.9}}
  report: {kind: report, language: en}
"""
ENVIRONMENT = {
    "basestone": "0.1.0",
    "python": "3.11.9",
    "platform": "Linux-6.1-x86_64",
    "processor": "AMD EPYC 9R14",
    "cores": 2,
    "memory_bytes": 25769803776,
    "threads": None,
    "libraries": {"torch": "2.14.1", "numpy": "2.4.6"},
    "byte_order": "little",
}
COST = {
    "flops_counted": 139400000000,
    "flops_analytic": 139100000000,
    "samples_seen": 38400,
    "wall_s": 20.3,
    "energy_j": None,
    "energy_method": "estimated",
    "peak_memory_bytes": 412000000,
}
FACTS = {
    "training_cost": COST,
    "inference_cost": {"flops_per_sample": 1210000, "peak_memory_bytes": 320000000, "joules_per_sample": None},
    "signature": {"verified": True, "key_id": "ab" * 32, "reason": "2 files are as signed"},
    "timing": {"clean_test": 0.42, "corrupted": 9.8, "latency": 2.1},
    "failures": {"inference_energy": "no energy counter"},
}
CARD = {
    "options": {"source": {"kind": "sklearn_digits"}},
    "source": {"kind": "sklearn_digits"},
    "duplicates": {"checked": 360, "exact": 0, "near": 2},
    "content": "cd" * 32,
    "spec": {"channels": 1, "height": 8, "width": 8, "class_names": CLASSES, "mean": [0.3], "std": [0.37]},
    "splits": {
        "train": {"count": 1294, "classes": dict.fromkeys(CLASSES, 129)},
        "validation": {"count": 143, "classes": dict.fromkeys(CLASSES, 14)},
        "test": {"count": 360, "classes": dict.fromkeys(CLASSES, 36), "groups": {"writer": {"ann": 200, "bob": 160}}},
    },
}
