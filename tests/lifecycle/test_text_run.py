"""From raw text to a verdict: language modelling, classification in Chinese, and adaptation by several methods."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from basestone.core.artifact import read_json
from basestone.core.errors import ArtifactError, Stopped, UsageError
from basestone.core.evidence import read_records
from basestone.lifecycle import trials
from basestone.lifecycle.ask import ask
from basestone.lifecycle.attribute import attribute
from basestone.lifecycle.check import load_checked
from basestone.lifecycle.report import judged_beside
from basestone.lifecycle.restore import restore, restore_over
from basestone.lifecycle.run import run
from basestone.lifecycle.verify import verify
from basestone.recipe.check import check

LANGUAGE = """
schema_version: 1
name: topics
task: language_modelling
data:
  source: {kind: pydoc_topics}
  tokenizer: {kind: byte_bpe, vocab_size: 400}
  max_length: 32
  split: {validation: 0.1, test: 0.5}
  limit: {test: 40}
stages:
  pretrain:
    model: {kind: recurrent, width: 32, drop_rate: 0.0}
    objective: {kind: causal_lm}
    fit: {max_steps: 60, batch_size: 32, optimizer: {kind: adamw, lr: 0.01}, schedule: {kind: one_cycle}}
  other:
    kind: pretrain
    model: {kind: recurrent, width: 16, drop_rate: 0.0}
    objective: {kind: causal_lm}
    fit: {max_steps: 5, batch_size: 32, optimizer: {kind: adamw, lr: 0.01}, schedule: {kind: one_cycle}}
  audit:
    subject: pretrain
    profile: foundation-1
    beside: [other]
    batch_size: 64
    samples: {latency_runs: 299, replay: 64}
    declare: {GEN-1: {bits_per_byte: 5.0}, LAT-1: 0.2, CST-2: {flops: 1e9, memory: 8e9, energy: 50}}
  report: {}
"""
WEATHER, FOOD = "晴雨风雪云冷热晨", "饭菜汤面茶甜咸香"
ADAPTED = """
schema_version: 1
name: chinese
task: text_classification
data:
  source: {{kind: jsonl, files: {{train: {file}}}, label: label}}
  tokenizer: {{kind: wordpiece, vocab_size: 300}}
  max_length: 24
stages:
  pretrain:
    model: {{kind: bert, layers: 1, width: 32, heads: 2, drop_rate: 0.0}}
    objective: {{kind: masked_lm}}
    fit: {{max_steps: 40, batch_size: 32, optimizer: {{kind: adamw, lr: 0.005}}, schedule: {{kind: one_cycle}}}}
  adapt:
    methods: [{{kind: full}}, {{kind: adapter, width: 8}}, {{kind: adalora, rank: 2, initial_rank: 4}}]
    seeds: [0, 1]
    rates: [0.0000001, 0.01]
    trial: 0.5
    fit: {{max_steps: 40, batch_size: 32, optimizer: {{kind: adamw, lr: 0.005}}, schedule: {{kind: one_cycle}}}}
  audit:
    profile: foundation-1
    beside: [tfidf]
    samples: {{latency_runs: 299, corruptions: 40}}
    declare: {{GEN-1: 0.8, LAT-1: 0.2, CST-2: {{flops: 1e9, memory: 8e9, energy: 50}}}}
  report: {{language: zh}}
"""


def verdicts(made):
    return {
        (clause["clause"], row["criterion"]): row for clause in made.verdicts["verdicts"] for row in clause["criteria"]
    }


@pytest.fixture(scope="module")
def language(tmp_path_factory):
    folder = tmp_path_factory.mktemp("language")
    (folder / "topics.yaml").write_text(LANGUAGE)
    return run(folder / "topics.yaml", out=folder / "run")


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chinese")
    draws = np.random.default_rng(0)
    rows = []
    for number in range(400):
        words, other = (WEATHER, FOOD) if number % 2 else (FOOD, WEATHER)
        text = "".join(draws.choice(list(words), 8)) + "".join(draws.choice(list(other), 3)) + f"第{number}句。"
        rows.append({"text": text, "label": ["食物", "天气"][number % 2]})
    (folder / "a.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    (folder / "chinese.yaml").write_text(ADAPTED.format(file=folder / "a.jsonl"))
    return run(folder / "chinese.yaml", out=folder / "run")


def test_a_language_model_is_judged_by_bits_per_byte(language):
    found = verdicts(language)
    assert set(name for clause, name in found if clause == "GEN-1") == {"bits_per_byte", "under_baseline"}
    assert 2 < found["GEN-1", "bits_per_byte"]["value"] < 6
    measured = language.folder.measurements("audit")["bits_per_byte"]
    assert measured["n"] == 40 and measured["detail"]["baseline_bits_per_byte"] > 1
    for name in ("LAT-1", "CST-1", "SEC-1"):
        assert all(row["verdict"] == "pass" for (clause, _), row in found.items() if clause == name), name
    assert found["SEC-2", "replay"]["value"] == 1.0
    assert not read_json(language.folder.stage("audit") / "facts.json")["failures"]


def test_others_stand_beside_a_language_model(language):
    own, other, counted = judged_beside(language.folder, "audit")
    measured = language.folder.measurements("audit")["bits_per_byte"]
    assert own["value"] == pytest.approx(measured["value"])
    assert counted["value"] == pytest.approx(measured["detail"]["baseline_bits_per_byte"])
    assert other["name"] == "other" and other["difference"]["lower"] > 0, "trained for 5 steps instead of 60"
    assert own["parameters"] > other["parameters"] > 0 and counted["parameters"] is None
    page = language.report.read_text()
    assert "Beside others" in page and "Kneser–Ney" in page


def test_logistic_regression_stands_beside_a_classifier(chinese):
    own, baseline = judged_beside(chinese.folder, "audit")
    assert own["value"] == chinese.folder.measurements("audit")["accuracy"]["value"]
    assert baseline["value"] > 0.9 and own["n"] == baseline["n"]
    assert "TF-IDF 与逻辑回归" in chinese.report.read_text()


def test_every_word_of_a_text_has_its_share_of_the_answer(chinese):
    pytest.importorskip("captum")
    text = "晴饭雨菜风汤雪面云第一句。"
    found = attribute(chinese.folder.path, {"text": text}, "occlusion")
    assert "".join(found["words"]) == text and len(found["values"]) == len(text), "letters, where no spaces part words"
    assert found["answer"] == ask(chinese.folder.path, {"text": text})["probabilities"][0][0]
    assert any(value != 0 for value in found["values"])
    with pytest.raises(UsageError, match="The method grad_cam is for images"):
        attribute(chinese.folder.path, {"text": "晴雨风雪"}, "grad_cam")


@pytest.mark.parametrize("run_name", ["language", "chinese"])
def test_a_plan_can_be_made_of_text(run_name, request, tmp_path):
    from basestone.lifecycle.plan import plan

    made = request.getfixturevalue(run_name)
    found = plan(made.folder.path, out=tmp_path / "plan")
    rows = {(row["clause"], row["criterion"]) for row in found["audits"]["audit"]["rows"]}
    assert ("GEN-1", "bits_per_byte" if run_name == "language" else "accuracy") in rows
    assert found["training"]["pretrain"]["seconds"] > 0


def test_the_loss_of_validation_is_the_bits_of_the_same_tokens(language):
    """Two ways to one number: the loop's mean nats a token, and the audit's sum over documents."""
    from basestone.core.contracts import View
    from basestone.data.dataset import open_split
    from basestone.lifecycle.environment import cache_folder
    from basestone.objectives.language import causal_lm
    from basestone.training.predict import evaluate

    model, _ = restore(language.folder, "pretrain")
    test = open_split(language.folder.stage("prepare"), cache_folder(), "test", view=View(kind="next"))
    mean = evaluate(model, test, causal_lm(), batch_size=64).loss
    table = read_records(language.folder.stage("audit") / "samples" / "language_test.parquet")
    assert table["nats"].sum() / table["tokens"].sum() == pytest.approx(mean, rel=1e-5)
    assert table["tokens"].sum() == test.num_tokens - 1
    assert table["bytes"].tolist() == [len(text.encode()) for text in test.texts()]


def test_a_stranger_can_judge_both_again(language, chinese):
    for made in (language, chinese):
        assert all(finding.ok for finding in verify(made.folder.path))


def test_chinese_text_is_learnt_and_reported_in_chinese(chinese):
    found = verdicts(chinese)
    assert found["GEN-1", "accuracy"]["value"] > 0.9
    assert found["ROB-1", "mean"]["value"] > 0.5
    page = chinese.report.read_text()
    assert 'lang="zh' in page and "天气" in page
    card = read_json(chinese.folder.stage("prepare") / "card.json")
    vocabulary = json.loads((chinese_cache(card) / "tokenizer.json").read_text())["model"]["vocab"]
    assert {"晴", "饭"} <= set(vocabulary)


def chinese_cache(card):
    from basestone.lifecycle.environment import cache_folder

    return cache_folder() / card["tokens"]


def test_every_method_ran_on_the_same_terms(chinese):
    folder = chinese.folder.stage("adapt")
    told = read_json(folder / "comparison.json")
    assert [(trial["method"], trial["seed"]) for trial in told["trials"]] == [
        (method, seed) for method in ("full", "adapter", "adalora") for seed in (0, 1)
    ]
    assert {trial["steps"] for trial in told["trials"]} == {40}
    assert {trial["samples_seen"] for trial in told["trials"]} == {told["trials"][0]["samples_seen"]}
    assert all(trial["lr"] == 0.01 for trial in told["trials"]), "the rate that moves anything at all"
    before, cost = (read_json(chinese.folder.stage(stage) / "cost.json") for stage in ("pretrain", "adapt"))
    tried = 3 * 2 * (2 * 280 + 2 * 32)  # methods × rates × 20 steps: two epochs of 280 documents, two batches
    assert cost["samples_seen"] - before["samples_seen"] == tried + sum(t["samples_seen"] for t in told["trials"])
    proofs = {trial["method"]: trial["proof"] for trial in told["trials"]}
    assert proofs["adapter"]["trainable"] < proofs["full"]["trainable"] / 5
    assert proofs["adalora"]["rank_total"] == proofs["adalora"]["rank_budget"]
    assert proofs["adalora"]["merge_distance"] < 1e-5 and proofs["adapter"]["start_distance"] == 0
    table = read_records(folder / "predictions.parquet")
    for name, summary in told["methods"].items():
        by_seed = [np.mean(table[f"{name}-{seed}"]) for seed in (0, 1)]
        assert summary["accuracy"] == pytest.approx(np.mean(by_seed))


def test_what_is_shipped_is_the_winner_and_its_adapter_lies_beside(chinese):
    manifest, told = chinese.stages["adapt"], read_json(chinese.folder.stage("adapt") / "comparison.json")

    def mean(name):
        return np.mean([trial["validation"]["accuracy"] for trial in told["trials"] if trial["method"] == name])

    assert mean(manifest.facts["method"]) == max(map(mean, ("full", "adapter", "adalora")))
    model, _ = restore(chinese.folder, "adapt")
    table = read_records(chinese.folder.stage("audit") / "samples" / "clean_test.parquet")
    right = read_records(chinese.folder.stage("adapt") / "predictions.parquet")[f"{manifest.facts['method']}-0"]
    assert ((table["prediction"] == table["label"]).astype(int) == right[table["index"]]).all()
    assert not model.training and (chinese.folder.stage("adapt") / "adapter.safetensors").exists()


def test_an_adapter_that_stays_is_built_again(chinese, tmp_path):
    """The method that cannot be folded in: shipped when it alone is asked for."""
    recipe = chinese.folder.path.parent / "chinese.yaml"
    made = run(recipe, overrides=["stages.adapt.methods=[{kind: adapter, width: 8}]", "stages.adapt.rates=[]"],
               out=tmp_path / "run", until="adapt")  # fmt: skip
    described = read_json(made.folder.stage("adapt") / "model.json")
    assert described["adaptation"] == {"kind": "adapter", "width": 8, "targets": None}
    model, _ = restore(made.folder, "adapt")
    assert sum("up.weight" in name for name, _ in model.named_parameters()) == 2
    assert all(weight.requires_grad for weight in model.parameters())
    assert torch.isfinite(model(torch.randint(5, 40, (2, 9)))).all()


def test_finished_trials_are_not_done_again(chinese, tmp_path, monkeypatch):
    recipe = chinese.folder.path.parent / "chinese.yaml"
    trained = []
    real = trials.Trials._train

    def stopping(self, folder, *arguments, **options):
        if len(trained) == 2:
            raise Stopped("the plug was pulled")
        trained.append(folder.name)
        return real(self, folder, *arguments, **options)

    fewer = ["stages.adapt.rates=[]", "stages.adapt.methods=[{kind: full}, {kind: probe}]"]
    monkeypatch.setattr(trials.Trials, "_train", stopping)
    with pytest.raises(Stopped):
        run(recipe, overrides=fewer, out=tmp_path / "run", until="adapt")
    monkeypatch.setattr(
        trials.Trials,
        "_train",
        lambda self, folder, *a, **o: (trained.append(folder.name), real(self, folder, *a, **o))[1],
    )
    made = run(recipe, overrides=fewer, out=tmp_path / "run", until="adapt")
    assert trained == ["full-0", "full-1", "probe-0", "probe-1"]
    assert len(read_json(made.folder.stage("adapt") / "comparison.json")["trials"]) == 4


def test_rates_need_validation_data(chinese, tmp_path):
    recipe = chinese.folder.path.parent / "chinese.yaml"
    without = ["data.split.validation=null", "stages.pretrain.fit.max_steps=5"]
    with pytest.raises(
        UsageError, match=r"and there are none\. Set data\.split\.validation, or give one rate instead of 2"
    ):
        run(recipe, overrides=without, out=tmp_path / "run", until="adapt")


def test_a_method_that_did_not_run_fails_the_stage(chinese, tmp_path, monkeypatch):
    from basestone.adaptation.low_rank import Allocation

    monkeypatch.setattr(Allocation, "__call__", lambda self, step: None)
    recipe = chinese.folder.path.parent / "chinese.yaml"
    only = ["stages.adapt.methods=[{kind: adalora, rank: 2, initial_rank: 4}]", "stages.adapt.rates=[]"]
    with pytest.raises(ArtifactError, match="by 'adalora' did not do what it must: AdaLoRA's ranks must add up to"):
        run(recipe, overrides=only, out=tmp_path / "run", until="adapt")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("task=image_classification", "task: must fit the data, which are text (it has a tokenizer)"),
        (
            "stages.pretrain.model={kind: small_cnn}",
            "must fit the data (bert, gpt, recurrent, transformers); got 'small_cnn'",
        ),
        ("stages.pretrain.model={kind: bert}", "cannot be causal_lm for 'bert', which sees the token it is to guess"),
        ("stages.pretrain.augment=[{kind: cutout}]", "must be empty for text"),
        ("data.tokenizer={kind: bpe}", "unknown kind 'bpe'"),
        ("stages.pretrain.objective={kind: masked_lm}", "needs a model that answers, and 'masked_lm' trains one that"),
        ("stages.compress={fit: null, deploy: {}}", "is for classifiers of images or text so far; got 'lang"),
        ("data.max_length=2", "must be a whole number at least 4; got 2"),
        ("data.image_size=32", "unknown key 'image_size'"),
    ],
)
def test_faults_of_a_text_recipe_are_named(tmp_path, change, says):
    (tmp_path / "topics.yaml").write_text(LANGUAGE)
    faults = check(tmp_path / "topics.yaml", [change])
    assert any(says in f"{fault.path}: {fault.message}" for fault in faults), faults


def test_shipped_text_recipes_are_without_fault(monkeypatch, tmp_path):
    monkeypatch.setenv("BASESTONE_DATA", str(tmp_path))
    for name in ("ag_news/train.parquet", "ag_news/test.parquet", "tinyshakespeare/input.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for recipe in ("lstm-agnews", "gpt-shakespeare", "bert-mlm-agnews", "agnews-small"):
        assert load_checked(recipe, ()).recipe.name == recipe


def test_a_model_that_brings_its_weights_is_taken_as_it_is_and_adapted(tmp_path):
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = AutoConfig.for_model("bert", vocab_size=300, pad_token_id=0, **shape)
    AutoModel.from_config(config).save_pretrained(tmp_path / "encoder")
    rows = [{"text": f"{'rain' if n % 2 else 'soup'} number {n}", "label": f"{n % 2}"} for n in range(200)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "taken.yaml").write_text(TAKEN.format(folder=tmp_path))
    made = run(tmp_path / "taken.yaml", out=tmp_path / "run")
    assert made.stages["pretrain"].facts == {"steps": 0}
    body = restore(made.folder, "pretrain")[0].body.model
    library = AutoModel.from_pretrained(tmp_path / "encoder", local_files_only=True)
    taken = library.encoder.layer[1].output.dense.weight
    assert torch.equal(body.encoder.layer[1].output.dense.weight, taken)
    adapted = restore(made.folder, "adapt")[0].body.model.encoder.layer[1].output.dense.weight
    found = torch.linalg.svdvals((adapted - taken).detach())
    assert found[1] > 1e-4 > 1e-5 > found[2], "an update of rank 2 of the weights that it brought"
    with torch.no_grad():
        ids = torch.tensor([[2, 9, 8, 7, 3, 0]])
        over, alone = (
            restore_over(restore(made.folder, "pretrain")[0], made.folder, "adapt"),
            restore(made.folder, "adapt")[0],
        )
        torch.testing.assert_close(over(ids), alone(ids), rtol=1e-5, atol=1e-5)
    found = verdicts(made)
    assert found["CST-1", "flops_error"]["verdict"] != "pass", "what it cost before is not known"
    assert found["SEC-1", "safe"]["verdict"] == "pass" and found["SEC-2", "replay"]["value"] == 1.0


TAKEN = """
schema_version: 1
name: taken
task: text_classification
data:
  source: {{kind: jsonl, files: {{train: {folder}/a.jsonl}}, label: label}}
  tokenizer: {{kind: wordpiece, vocab_size: 300}}
  max_length: 12
stages:
  pretrain: {{model: {{kind: transformers, path: {folder}/encoder}}, fit: null}}
  adapt:
    methods: [{{kind: lora, rank: 2}}]
    fit: {{max_steps: 30, batch_size: 16, optimizer: {{kind: adamw, lr: 0.01}}, schedule: {{kind: one_cycle}}}}
  audit:
    profile: foundation-1
    samples: {{latency_runs: 299, corruptions: 40}}
    declare: {{GEN-1: 0.6, LAT-1: 0.2, CST-2: {{flops: 1e9, memory: 8e9, energy: 50}}}}
"""


def test_only_a_model_with_weights_may_go_untrained(tmp_path):
    (tmp_path / "a.jsonl").write_text("")
    (tmp_path / "taken.yaml").write_text(TAKEN.format(folder=tmp_path))
    (fault,) = check(tmp_path / "taken.yaml", ["stages.pretrain.model.pretrained=false"])
    assert fault.path == "stages.pretrain.fit" and "brings its weights" in fault.message
