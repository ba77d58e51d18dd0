"""How to run the service elsewhere: a Dockerfile, and an ``InferenceService`` for KServe on Kubernetes.

KServe only starts and scales the container and routes to it; the protocol, the gate, the queue and the log are ours.
The run is mounted, not copied: what is served is what was signed, and the log outlives the container.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from basestone.core.artifact import write_text
from basestone.core.document import dump

PORT = 8080


def write_deployment(folder: Path, *, name: str, version: str, package: str, arguments: list[str]) -> list[Path]:
    """Writes ``Dockerfile`` and ``inferenceservice.yaml`` into ``folder``; returns both paths.

    ``arguments`` follow ``basestone serve /run``; ``package`` is the version of Basestone to install.
    """
    docker, manifest = folder / "Dockerfile", folder / "inferenceservice.yaml"
    write_text(docker, dockerfile(package, arguments))
    write_text(manifest, dump(inference_service(name, version)))
    return [docker, manifest]


def dockerfile(package: str, arguments: list[str]) -> str:
    """An image that serves what is mounted at ``/run``, as a user without rights."""
    command = json.dumps(["basestone", "serve", "/run", *arguments])
    return f"""\
# docker build -t basestone-serve .
# docker run -p {PORT}:{PORT} -v RUN:/run -v KEYS:/keys:ro basestone-serve
FROM python:3.11-slim
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \\
    "basestone[compress,serve]=={package}"
RUN useradd --create-home --uid 10001 serve
USER serve
ENV BASESTONE_KEYS=/home/serve/keys OMP_NUM_THREADS=2
EXPOSE {PORT}
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s CMD python -c \\
    "import urllib.request as r; r.urlopen('http://127.0.0.1:{PORT}/v2/health/live', timeout=2)"
ENTRYPOINT {command}
"""


def inference_service(name: str, version: str) -> Mapping[str, Any]:
    """``serving.kserve.io/v1beta1``: a custom predictor that speaks v2; live is not ready."""
    probe = {"httpGet": {"path": "/v2/health/live", "port": PORT}, "periodSeconds": 10}
    ready = {"httpGet": {"path": "/v2/health/ready", "port": PORT}, "periodSeconds": 2}
    container = {
        "name": "kserve-container",
        "image": f"basestone-serve:{version}",
        "ports": [{"name": "http1", "containerPort": PORT, "protocol": "TCP"}],
        "livenessProbe": probe,
        "readinessProbe": ready,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "allowPrivilegeEscalation": False},
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}},
        "volumeMounts": [
            {"name": "run", "mountPath": "/run"},
            {"name": "keys", "mountPath": "/keys", "readOnly": True},
        ],
    }
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "labels": {"basestone/version": version}},
        "spec": {
            "predictor": {
                "minReplicas": 1,
                "maxReplicas": 1,
                "containers": [container],
                "volumes": [
                    {"name": "run", "persistentVolumeClaim": {"claimName": f"{name}-run"}},
                    {"name": "keys", "secret": {"secretName": f"{name}-keys"}},
                ],
            }
        },
    }
