from __future__ import annotations

from basestone.studio.charts import DASHES, MOST_SERIES, options, panel_of, panels
from basestone.studio.journal import Curves


def event(kind: str, step: int, **values) -> dict:
    return {"event": kind, "stage": "pretrain", "step": step, "epoch": 1, **values}


def curves() -> Curves:
    made = Curves()
    made.add([event("step", at, loss=1 / at, lr=0.1, images_per_s=9.0) for at in (1, 2, 3)])
    made.add([event("epoch", 3, loss=0.4, samples_seen=30, images_per_s=9.0)])
    made.add([event("validation", 3, loss=0.5, accuracy=0.75)])
    return made


def test_each_quantity_has_its_panel_and_what_says_nothing_new_has_none() -> None:
    drawn = panels(curves(), "pretrain", "en")
    assert list(drawn) == ["loss", "scores", "lr", "images_per_s"]
    series = {name: [(one["name"], one["data"]) for one in panel["series"]] for name, panel in drawn.items()}
    assert series["loss"] == [
        ("training", [[1.0, 1.0], [2.0, 0.5], [3.0, 1 / 3]]),
        ("validation", [[3.0, 0.5]]),
    ]
    assert series["scores"] == [("accuracy", [[3.0, 0.75]])]
    assert panel_of("epoch/loss") is None and panel_of("train/grad_norm") is None
    assert panels(curves(), "elsewhere", "en") == {}


def test_a_single_point_can_be_seen_and_a_line_has_no_marks() -> None:
    loss = panels(curves(), "pretrain", "en")["loss"]["series"]
    assert [one["symbol"] for one in loss] == ["none", "circle"]


def test_charts_speak_the_visitors_language() -> None:
    drawn = panels(curves(), "pretrain", "zh")
    assert drawn["loss"]["title"]["text"] == "损失" and drawn["loss"]["xAxis"]["name"] == "步"
    assert [one["name"] for one in drawn["loss"]["series"]] == ["训练", "验证"]


def test_lines_differ_by_more_than_colour_and_colours_are_the_pages() -> None:
    drawn = options("x", [(str(at), [[0.0, 1.0]]) for at in range(MOST_SERIES)], "en")["series"]
    looks = [(one["color"], str(one["lineStyle"]["type"])) for one in drawn]
    assert len(set(looks)) == MOST_SERIES and all(colour.startswith("var(--series-") for colour, _ in looks)
    assert [one["lineStyle"]["type"] for one in drawn[: len(DASHES)]] == list(DASHES)


def test_of_many_trials_the_latest_are_drawn() -> None:
    made = Curves()
    for trial in range(9):
        made.add([event("step", 1, loss=1.0, trial=f"lora-{trial}")])
    names = [one["name"] for one in panels(made, "pretrain", "en")["loss"]["series"]]
    assert names == [f"lora-{trial} · training" for trial in range(3, 9)]
