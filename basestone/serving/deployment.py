"""How to run the service elsewhere: a Dockerfile, and an ``InferenceService`` for KServe on Kubernetes.

KServe only starts and scales the container and routes to it; the protocol, the gate, the queue and the log are ours.
The run is mounted, not copied: what is served is what was signed, and the log outlives the container. So is the key
that signs the log's heads, or nobody could check them after a restart. Nothing is mounted below ``/run``: there
Kubernetes mounts what it gives every container.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from basestone.core.artifact import write_text
from basestone.core.document import dump

PORT = 8080
USER = 10001
RUN, KEYS, SIGNER, FILTER = "/served/run", "/served/keys", "/served/signer", "/served/filter"


def write_deployment(
    folder: Path, *, name: str, version: str, package: str, arguments: list[str], filtered: bool = False
) -> list[Path]:
    """Writes ``Dockerfile`` and ``inferenceservice.yaml`` into ``folder``; returns both paths.

    ``arguments`` follow ``basestone serve RUN``; ``package`` is the version of Basestone to install; ``filtered``: the
    run of a filter is mounted too, and asked.
    """
    words = [*arguments, "--filter", FILTER] if filtered else arguments
    docker, manifest = folder / "Dockerfile", folder / "inferenceservice.yaml"
    write_text(docker, dockerfile(version, package, words))
    write_text(manifest, dump(inference_service(name, version, filtered=filtered)))
    return [docker, manifest]


def dockerfile(version: str, package: str, arguments: list[str]) -> str:
    """An image that serves the run that is mounted into it, as a user without rights, who must be able to write there.

    ``KEYS``: ``keys.json`` of callers and ``signer.pub.pem``, by which the run is trusted. ``SIGNER``: this service's
    own key, made there when there is none.
    """
    command, filtered = json.dumps(["basestone", "serve", RUN, *arguments]), FILTER in arguments
    mounts = f"-v $RUN_FOLDER:{RUN} -v $KEYS:{KEYS}:ro -v $SIGNER:{SIGNER}"
    mounts += f" -v $FILTER_FOLDER:{FILTER}:ro" if filtered else ""
    folders = " ".join([RUN, KEYS, SIGNER, *([FILTER] if filtered else [])])
    return f"""\
# docker build -t basestone-serve:{version} .
# docker run -p {PORT}:{PORT} {mounts} basestone-serve:{version}
FROM python:3.11-slim
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \\
    "basestone[compress,serve]=={package}"
RUN useradd --create-home --uid {USER} serve && install --directory --owner serve {folders}
USER serve
ENV BASESTONE_KEYS={SIGNER} OMP_NUM_THREADS=2
EXPOSE {PORT}
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD python -c \\
    "import urllib.request as r; r.urlopen('http://127.0.0.1:{PORT}/v2/health/live', timeout=2)"
ENTRYPOINT {command}
"""


def inference_service(name: str, version: str, *, filtered: bool = False) -> Mapping[str, Any]:
    """``serving.kserve.io/v1beta1``: a custom predictor that speaks v2; live is not ready.

    One replica: the log has one writer. The secrets ``NAME-keys`` and ``NAME-signer`` hold what ``dockerfile`` says,
    the volumes ``NAME-run`` and ``NAME-filter`` the runs.
    """
    label = re.sub(r"[^a-z0-9]+", "-", name.lower())[:40].strip("-") or "model"
    mounts, claims = {"run": RUN, "keys": KEYS, "signer": SIGNER}, ["run"]
    if filtered:
        mounts, claims = mounts | {"filter": FILTER}, ["run", "filter"]
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": label, "labels": {"basestone/version": version}},
        "spec": {
            "predictor": {
                "minReplicas": 1,
                "maxReplicas": 1,
                "securityContext": {"runAsNonRoot": True, "runAsUser": USER, "fsGroup": USER},
                "containers": [_container(version, mounts)],
                "volumes": [
                    *({"name": one, "persistentVolumeClaim": {"claimName": f"{label}-{one}"}} for one in claims),
                    {"name": "keys", "secret": {"secretName": f"{label}-keys"}},
                    {"name": "signer", "secret": {"secretName": f"{label}-signer"}},
                ],
            }
        },
    }


def _container(version: str, mounts: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": "kserve-container",
        "image": f"basestone-serve:{version}",
        "ports": [{"name": "http1", "containerPort": PORT, "protocol": "TCP"}],
        "livenessProbe": {"httpGet": {"path": "/v2/health/live", "port": PORT}, "periodSeconds": 10},
        "readinessProbe": {"httpGet": {"path": "/v2/health/ready", "port": PORT}, "periodSeconds": 2},
        "securityContext": {"allowPrivilegeEscalation": False},
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}},
        "volumeMounts": [{"name": name, "mountPath": path, "readOnly": name != "run"} for name, path in mounts.items()],
    }
