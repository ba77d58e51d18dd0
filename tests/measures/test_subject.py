import numpy as np
import pytest
import torch
from torch import nn

from basestone.measures import measure
from basestone.measures.corrupted import ImageCorruptions, collect_corrupted
from basestone.measures.efficiency import collect_latency, measure_inference
from basestone.measures.robustness import FAMILIES
from basestone.measures.subject import Subject, collect_clean, collect_replay

CLASSES = 3


class Tiny(nn.Module):
    """Flattens and classifies; dropout shows whether evaluation mode is on."""

    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(3 * 8 * 8, CLASSES)

    def forward(self, images):
        return self.head(self.drop(images.flatten(1)))


@pytest.fixture
def pixels():
    return torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def subject():
    torch.manual_seed(0)
    return Subject(model=Tiny().train(), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))


@pytest.fixture
def labels():
    return np.arange(40) % CLASSES


def test_logits_are_the_models_of_normalised_images(subject, pixels):
    images = pixels.float() / 255
    mean, std = torch.tensor(subject.mean)[:, None, None], torch.tensor(subject.std)[:, None, None]
    expected = subject.model.head(((images - mean) / std).flatten(1))
    assert torch.allclose(subject.logits(images), expected, atol=1e-5)
    assert not subject.model.training


def test_bf16_and_channels_last_answer_nearly_alike(subject, pixels):
    images = pixels.float() / 255
    other = Subject(model=subject.model, mean=subject.mean, std=subject.std, precision="bf16", channels_last=True)
    found = other.logits(images)
    assert found.dtype == torch.float32
    assert not torch.equal(found, subject.logits(images))
    assert torch.allclose(found, subject.logits(images), atol=0.1)


def test_clean_columns(subject, pixels, labels):
    seen = []
    positions = np.array([5, 3, 20, 39, 0])
    site = [f"site{i % 2}" for i in range(40)]
    columns = collect_clean(
        subject,
        lambda at: pixels[torch.as_tensor(at)],
        labels,
        positions,
        groups={"site": site},
        batch_size=2,
        progress=lambda done, total: seen.append((done, total)),
    )
    logits = subject.logits(pixels[positions].float() / 255)
    probs = torch.softmax(logits.double(), 1)
    assert columns["index"].tolist() == positions.tolist()
    assert columns["label"].tolist() == labels[positions].tolist()
    assert columns["prediction"].tolist() == logits.argmax(1).tolist()
    assert columns["confidence"] == pytest.approx(probs.max(1).values.numpy())
    reference = nn.functional.cross_entropy(logits.double(), torch.from_numpy(labels[positions]), reduction="none")
    assert columns["loss"] == pytest.approx(reference.numpy())
    assert np.allclose(columns["logit_2"], logits[:, 2])
    assert columns["site"].tolist() == [site[i] for i in positions]
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_corrupted_columns_are_measured_whatever_the_batches(subject, pixels, labels, make_records):
    def raw(at):
        return pixels[torch.as_tensor(at)]

    positions = np.arange(40)[::-1].copy()
    small, large = (
        collect_corrupted(subject, ImageCorruptions(raw, 3), labels, positions, batch_size=size) for size in (7, 40)
    )
    assert {name: len(column) for name, column in small.items()} == dict.fromkeys(small, 40 * 75)

    def as_rows(columns):
        return sorted(
            zip(*(columns[name].tolist() for name in ("index", "corruption", "severity", "correct")), strict=True)
        )

    assert as_rows(small) == as_rows(large)
    assert all(kind in FAMILIES[family] for family, kind in zip(small["family"], small["corruption"], strict=True))
    clean = collect_clean(subject, raw, labels, np.arange(40))
    clean["label"] = clean["prediction"]  # an untrained model, taken at its word
    records = make_records(clean_test=clean, corrupted=small)
    assert measure("corruption_retention_mean", records).n == 40


def test_corrupted_samples_are_shown_until_they_are_enough(subject, pixels, labels):
    def raw(at):
        return pixels[torch.as_tensor(at)]

    looks, order = [], np.array([7, 1, 30, 4, 12])

    def enough(right):
        looks.append(right)
        return len(right) >= 4

    under = ImageCorruptions(raw, 3)
    found = collect_corrupted(subject, under, labels, order, batch_size=2, enough=enough)
    assert [seen.shape for seen in looks] == [(2, 15), (4, 15)]
    assert found["index"].reshape(4, 75)[:, 0].tolist() == [7, 1, 30, 4]
    assert looks[1] == pytest.approx(found["correct"].reshape(4, 15, 5).mean(2))
    alone = collect_corrupted(subject, under, labels, order[3:4])
    assert alone["correct"].tolist() == found["correct"][3 * 75 :].tolist()


def test_replay_agrees_with_itself_and_notices_another_model(subject, pixels, labels, make_records):
    def raw(at):
        return pixels[torch.as_tensor(at)]

    rows = collect_clean(subject, raw, labels, np.array([7, 1, 30]))
    same = collect_replay(subject, raw, rows, batch_size=2)
    assert same["index"].tolist() == [7, 1, 30]
    assert measure("replay_agreement", make_records(replay=same)).value == 1.0
    with torch.no_grad():
        subject.model.head.bias[1] += 0.01
    changed = collect_replay(subject, raw, rows)
    assert changed["max_abs_diff"] == pytest.approx([0.01] * 3, abs=1e-4)
    assert measure("replay_agreement", make_records(replay=changed)).value == 0.0


def test_latency_counts_runs_without_the_warm_up(subject, pixels):
    calls = []
    subject.model.register_forward_hook(lambda *_: calls.append(1))
    columns = collect_latency(subject, pixels[:2], 12, warmup=3)
    assert len(calls) == 15
    assert columns["run"].tolist() == list(range(12))
    assert columns["batch_size"].tolist() == [2] * 12
    assert (columns["seconds"] > 0).all()


def test_latency_sees_a_slow_model(subject, pixels):
    import time

    fast = collect_latency(subject, pixels[:1], 10)["seconds"]
    subject.model.register_forward_hook(lambda *_: time.sleep(0.01))
    slow = collect_latency(subject, pixels[:1], 10)["seconds"]
    assert slow.min() >= 0.01 > np.median(fast)


def test_inference_cost_has_every_field(subject, pixels, make_records):
    found = measure_inference(subject, pixels[:1], least_s=0.1)
    assert found["joules_per_sample"] > 0
    assert found["peak_memory_bytes"] > 50e6  # torch alone takes more
    records = make_records(facts={"inference_cost": found | {"flops_per_sample": 1}})
    assert measure("inference_energy", records).detail["method"] == found["energy_method"]


def test_a_pass_over_nothing_is_refused(subject, pixels, labels):
    with pytest.raises(ValueError, match="at least one position"):
        collect_clean(subject, lambda at: pixels[at], labels, np.array([], int))


def test_progress_counts_every_prediction(subject, pixels, labels):
    def raw(at):
        return pixels[torch.as_tensor(at)]

    clean, corrupted = [], []
    collect_clean(subject, raw, labels, np.arange(9), batch_size=4, progress=lambda *seen: clean.append(seen))
    collect_corrupted(
        subject,
        ImageCorruptions(raw, 0),
        labels,
        np.arange(9),
        batch_size=4,
        progress=lambda *seen: corrupted.append(seen),
    )
    assert clean == [(4, 9), (8, 9), (9, 9)]
    assert len(corrupted) == 3 * 75 and corrupted[0] == (4, 9 * 75) and corrupted[-1] == (9 * 75, 9 * 75)
