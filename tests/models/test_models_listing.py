import time

import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from basestone.core.errors import UsageError
from basestone.models.catalogue import MODELS
from basestone.models.listing import SEARCH_LIMIT, list_models


@pytest.fixture(scope="module")
def rows():
    import timm  # noqa: F401  what is timed is the listing, not the import of the libraries
    import torchvision  # noqa: F401

    start = time.process_time()
    rows = list_models("image_classification")
    assert time.process_time() - start < 20
    return rows


def find(rows, kind, name):
    return next(row for row in rows if (row["kind"], row["name"]) == (kind, name))


def test_the_list_holds_what_the_issue_names(rows):
    names = {row["name"] for row in rows}
    assert names >= {
        "small_cnn",
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "alexnet",
        "inception_v3",
        "inception_v4",
    }


def test_every_line_can_be_pasted(rows):
    check = TypeAdapter(MODELS.union()).validate_python
    for row in rows:
        section = check(YAML(typ="safe").load(row["recipe"])["model"])
        assert section.kind == row["kind"]


@pytest.mark.parametrize(
    ("kind", "name", "parameters", "gmacs"),
    [
        # torchvision's model pages: num_params and GMACs
        ("torchvision", "resnet18", 11_689_512, 1.814),
        ("timm", "resnet50", 25_557_032, 4.089),
        ("torchvision", "alexnet", 61_100_840, 0.714),
        ("timm", "resnet34", 21_797_672, 3.664),
        # without the auxiliary head's 3,326,696 parameters: 27,161,264 − 3,326,696
        ("timm", "inception_v3", 23_834_568, 5.713),
    ],
)
def test_published_sizes(rows, kind, name, parameters, gmacs):
    row = find(rows, kind, name)
    assert row["parameters"] == parameters
    assert row["flops"] / 2e9 == pytest.approx(gmacs, rel=0.001)
    assert row["note"] == ""


def test_small_input_flops_by_hand(rows):
    """ResNet-18 at 32 px, in MACs: stem 27·64·32²; stage 1 four 64→64; stages 2–4 equal but for the halved first."""
    stem, full = 27 * 64 * 1024, 9 * 64 * 64 * 1024
    stages = 4 * full + 3 * (3.5 * full + full / 18)  # a 1×1 shortcut is (1/2)/9 of a full convolution
    assert find(rows, "timm", "resnet18")["flops_small"] == 2 * (stem + stages + 512 * 1000)
    assert find(rows, "small_cnn", "small_cnn")["flops_small"] is None


def test_licences_are_known_or_said_to_be_unknown(rows):
    assert find(rows, "timm", "resnet18")["weights_licence"] == "apache-2.0 (resnet18.a1_in1k)"
    assert find(rows, "torchvision", "alexnet")["weights_licence"].startswith("unknown (")
    assert find(rows, "small_cnn", "small_cnn")["weights_licence"].startswith("none (")
    assert all(row["source"] for row in rows)


def test_search_finds_curated_models_once_and_then_those_of_timm(monkeypatch):
    monkeypatch.setattr("basestone.models.listing._cost", lambda section, side: (1, 2, ""))
    found = list_models("image_classification", "ResNet101")
    assert [(row["kind"], row["name"]) for row in found][:2] == [("timm", "resnet101"), ("timm", "ecaresnet101d")]
    assert len({(row["kind"], row["name"]) for row in found}) == len(found)


def test_a_searched_model_is_counted():
    (row,) = list_models("image_classification", "ResNet101C")
    # the ResNet-101 of the list, its 7×7 stem (3·64·49) as three 3×3 (3·32, 32·32, 32·64) with two norms more
    assert row["parameters"] == 44_549_160 - 9_408 + 9 * (96 + 1024 + 2048) + 2 * 64
    assert row["input"] == [3, 224, 224]


def test_search_is_bounded(monkeypatch):
    monkeypatch.setattr("basestone.models.listing._cost", lambda section, side: (1, 2, ""))
    assert len(list_models("image_classification", "vit")) == SEARCH_LIMIT


def test_what_cannot_be_counted_is_no_number(monkeypatch):
    monkeypatch.setattr(
        "basestone.models.listing.MODELS.build", lambda *args: (_ for _ in ()).throw(RuntimeError("odd"))
    )
    row = list_models("image_classification", "resnet101c")[0]
    assert (row["parameters"], row["flops"], row["note"]) == (None, None, "not counted: odd")


def test_unknown_task_and_unfindable_name():
    with pytest.raises(UsageError, match=r"no task 'image_clasification'\. Did you mean 'image_classification'\?"):
        list_models("image_clasification")
    with pytest.raises(UsageError, match=r"timm has no image classifier 'resnet18x'.* Did you mean 'resnet18"):
        list_models("image_classification", "resnet18x")
