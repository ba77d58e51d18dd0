"""LitServe's side of ``bench_serving.py``: in a module of its own, as LitServe pickles the class for its workers.

LitServe makes an endpoint of the annotations of ``decode_request`` and ``encode_response``: without any it reads a
request's JSON, and whatever else they say FastAPI takes for a query.
"""

from __future__ import annotations

from typing import Any

import litserve as ls
import numpy as np

from serving_peers import answer, predictor, samples_of

WAIT_S = 0.002  # for which LitServe may wait for company


class Served(ls.LitAPI):
    """The run's model, batched by LitServe."""

    run = ""

    def setup(self, device: Any) -> None:
        """Loads the model in the worker."""
        self.predict_batch = predictor(self.run)

    def decode_request(self, request):
        """A v2 request's samples."""
        return samples_of(request)

    def batch(self, inputs: Any) -> Any:
        """N requests of one sample."""
        return np.concatenate(inputs)

    def predict(self, x: Any) -> Any:
        """Logits."""
        return self.predict_batch(x)

    def unbatch(self, output: Any) -> Any:
        """One row a request."""
        return [row[None] for row in output]

    def encode_response(self, output):
        """A v2 answer."""
        return answer(output)


def serve(run: str, port: int, max_batch: int) -> None:
    """Serves until it is terminated."""
    api = Served(max_batch_size=max_batch, batch_timeout=WAIT_S, api_path="/v2/models/model/infer")
    api.run = run
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(port=port, log_level="error", generate_client_file=False)
