import dataclasses
import io
import json
import subprocess
import sys

import pytest
import yaml
from huggingface_hub import ModelCard
from rich.console import Console

from basestone.core.errors import ArtifactError
from basestone.core.run import RunFolder
from basestone.reporting.bom import build_bom, serial_number, validate
from basestone.reporting.model_card import build_card
from basestone.reporting.terminal import verdict_table
from basestone.reporting.view import ReportView


def test_the_bill_of_materials_validates_and_says_what_it_is(view: ReportView) -> None:
    bom = build_bom(view)
    validate(bom)
    model = bom["metadata"]["component"]
    assert (bom["bomFormat"], bom["specVersion"], model["type"]) == ("CycloneDX", "1.6", "machine-learning-model")
    assert model["hashes"][0]["content"] == view.manifests["pretrain"].files["model.safetensors"]
    metrics = {row["type"]: row for row in model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]}
    interval = {"lowerBound": "0.93", "upperBound": "0.97"}
    accuracy = {"type": "accuracy [fraction]", "value": "0.953", "slice": "test", "confidenceInterval": interval}
    assert metrics["accuracy [fraction]"] == accuracy
    assert "inference_energy [J]" not in metrics  # not measured is not a number


def test_verdicts_become_claims_and_what_is_not_shown_a_counter_claim(view: ReportView) -> None:
    declared = build_bom(view)["declarations"]
    rows = {row["requirement"]: row for row in declared["attestations"][0]["map"]}
    assert rows["requirement:GEN-1"]["claims"] == ["claim:GEN-1"]
    assert rows["requirement:GEN-1"]["conformance"]["score"] == 1
    assert rows["requirement:GEN-1"]["confidence"]["score"] == 0.95
    assert rows["requirement:ROB-1"]["counterClaims"] == ["claim:ROB-1"]
    assert rows["requirement:ROB-1"]["conformance"]["score"] == 0
    assert rows["requirement:GEN-4"]["confidence"]["score"] == 0


def test_every_reference_of_the_bill_of_materials_leads_somewhere(view: ReportView) -> None:
    text = json.dumps(build_bom(view))
    bom = json.loads(text)
    refs = {row["bom-ref"] for row in _walk(bom) if "bom-ref" in row}
    used = {
        ref
        for row in _walk(bom)
        for key in ("claims", "counterClaims", "evidence", "dependsOn")
        for ref in _strings(row.get(key))
    }
    assert used and used <= refs


def _walk(value: object):
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item)


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def test_the_same_run_has_the_same_bill_of_materials_and_another_run_another_number(view: ReportView) -> None:
    assert build_bom(view) == build_bom(view)
    other = dataclasses.replace(view, subject_sha256="0" * 64)
    assert serial_number(view) != serial_number(other)


def test_a_wrong_bill_of_materials_is_refused_with_the_place(view: ReportView) -> None:
    bom = build_bom(view)
    bom["metadata"]["component"]["type"] = "robot"
    with pytest.raises(
        ArtifactError, match=r"must follow CycloneDX 1\.6 and does not at \$\.metadata\.component\.type"
    ):
        validate(bom)


def test_the_model_card_is_read_back_by_the_hub_library(view: ReportView) -> None:
    card = ModelCard(build_card(view))
    assert card.data.language == ["en", "zh"] and card.data.pipeline_tag == "image-classification"
    results = {result.metric_type: result for result in card.data.eval_results or []}
    assert results["accuracy"].metric_value == 0.953
    assert results["accuracy"].metric_name == "accuracy (GEN-1; 95 % bounds 0.930 to 0.970, n = 360)"
    assert "inference_energy" not in results


def test_the_model_card_states_limits_in_both_languages_and_invents_no_use(view: ReportView) -> None:
    text = build_card(view)
    assert "Not declared. Whoever ships this model" in text and "尚未声明" in text
    assert "**ROB-1**, fail: Retention of the worst family was judged fail." in text
    assert "**ROB-1**, 不通过：" in text or "**ROB-1**, 不通过" in text
    assert yaml.safe_load(text.split("---")[1])["library_name"] == "basestone"


def test_a_name_cannot_break_the_card(view: ReportView) -> None:
    text = build_card(dataclasses.replace(view, name="a|b\n<script>"))
    assert "<script>" not in text.split("---", 2)[2]


def shown(run: RunFolder, width: int, **options: object) -> str:
    buffer = io.StringIO()
    console = Console(file=buffer, width=width, no_color=True)
    console.print(verdict_table(run.verdicts("audit"), **options))  # type: ignore[arg-type]
    return buffer.getvalue()


def test_the_terminal_says_the_verdict_without_colour(read_only_run: RunFolder) -> None:
    text = shown(read_only_run, 130)
    lines = [line for line in text.splitlines() if "worst family" in line]
    assert len(lines) == 1 and "✗ fail" in lines[0] and "0.270 … 0.360" in lines[0] and "≥ 0.4" in lines[0]
    assert "! error" in text and "not measured" in text and "foundation-1 · profile demo" in text


def test_the_terminal_speaks_chinese(read_only_run: RunFolder) -> None:
    text = shown(read_only_run, 130, language="zh")
    assert "✗ 不通过" in text and "最差扰动族的保持率" in text and "未测得" in text


@pytest.mark.parametrize("width", [50, 64, 80])
def test_a_narrow_terminal_loses_no_verdict_and_no_number(read_only_run: RunFolder, width: int) -> None:
    text = shown(read_only_run, width, narrow=True)
    assert max(len(line) for line in text.splitlines()) <= width
    for must in ("✗ fail", "? inconclusive", "0.953", "1.21", "GEN-1", "SEC-2"):
        assert must in text, must


def test_the_table_imports_neither_charts_nor_torch() -> None:
    code = "import sys, basestone.reporting.terminal; print({'torch', 'altair', 'jinja2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
