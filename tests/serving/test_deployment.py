from __future__ import annotations

import json
import re

import pytest
import typer

from basestone.cli_serving import serve
from basestone.core.document import read
from basestone.serving.deployment import PORT, RUN, dockerfile, inference_service, write_deployment

WORDS = ["--host", "0.0.0.0", "--port", "8080", "--keys", "/served/keys/keys.json", "--allow-unproven", 'a "trial"']


def test_the_container_starts_by_words_that_serve_understands():
    lines = dockerfile("0123456789ab", "1.2.3", WORDS).splitlines()
    command = json.loads(next(line for line in lines if line.startswith("ENTRYPOINT ")).removeprefix("ENTRYPOINT "))
    assert command == ["basestone", "serve", RUN, *WORDS]
    app = typer.Typer()
    app.command()(serve)
    parsed = typer.main.get_command(app).make_context("serve", command[2:]).params
    assert str(parsed["run_path"]) == RUN and parsed["port"] == PORT and parsed["allow_unproven"] == 'a "trial"'
    assert "USER serve" in lines and lines.index("USER serve") < lines.index(f"EXPOSE {PORT}")


@pytest.mark.parametrize("filtered", [False, True])
def test_what_is_mounted_is_what_the_container_reads_and_nothing_is_below_run(tmp_path, filtered):
    told = {"name": "model", "version": "0123456789ab", "package": "1.2.3"}
    _, path = write_deployment(tmp_path, **told, arguments=WORDS, filtered=filtered)
    predictor = read(path).plain()["spec"]["predictor"]
    (container,) = predictor["containers"]
    mounts = {one["name"]: one for one in container["volumeMounts"]}
    assert set(mounts) == {one["name"] for one in predictor["volumes"]}
    assert [name for name, one in mounts.items() if not one["readOnly"]] == ["run"]
    text = (tmp_path / "Dockerfile").read_text()
    assert ('"--filter", "/served/filter"]' in text) == filtered == ("filter" in mounts)
    assert all(one["mountPath"] in text.split("install --directory")[1].splitlines()[0] for one in mounts.values())
    for one in mounts.values():
        assert f":{one['mountPath']}" in text and not one["mountPath"].startswith(("/run", "/var/run"))
    assert "basestone-serve:0123456789ab" in text and container["image"] == "basestone-serve:0123456789ab"
    assert str(predictor["securityContext"]["fsGroup"]) in text
    assert container["ports"][0]["containerPort"] == container["readinessProbe"]["httpGet"]["port"] == PORT


@pytest.mark.parametrize("name", ["digits", "GPT_shakespeare", "中文", "x" * 90, "-a-"])
def test_names_are_those_that_kubernetes_allows(name):
    made = inference_service(name, "1")["metadata"]["name"]
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?", made)
