"""The servers that ``bench_serving.py`` compares, each with the same model behind the same v2 request.

    python benchmarks/serving_peers.py {asgi,kserve,litserve} RUN PORT

*asgi*: nothing but uvicorn and a function; what a server costs at least. *kserve*: KServe's ModelServer. *litserve*:
LitServe with its own batching. All run the model by the code that runs it in ours, and none checks, defers or logs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_BATCH = 32


def predictor(run: str) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """The run's last model, as ours runs it."""
    from basestone.core.run import RunFolder
    from basestone.lifecycle.infer import load, prepare
    from basestone.lifecycle.standing import standing
    from basestone.lifecycle.threads import pin_threads

    pin_threads()
    stage = standing(RunFolder(Path(run))).subject.stage
    request = {"run": str(Path(run).resolve()), "stage": stage, "precision": "fp32", "max_batch": MAX_BATCH}
    return load(request, prepare(request))[0]


def samples_of(body: dict[str, Any]) -> NDArray[np.uint8]:
    tensor = body["inputs"][0]
    return np.array(tensor["data"], np.uint8).reshape(tensor["shape"])


def answer(logits: NDArray[np.float32]) -> dict[str, Any]:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    shares = powers / powers.sum(1, keepdims=True)
    data = {"name": "probabilities", "datatype": "FP32", "shape": list(shares.shape), "data": shares.ravel().tolist()}
    return {"model_name": "model", "id": "1", "outputs": [data]}


def bare_app(run: str) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """An ASGI function that reads a request, runs the model and answers; nothing else."""
    predict = predictor(run)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        held, more = b"", True
        while more:
            message = await receive()
            held, more = held + message.get("body", b""), message.get("more_body", False)
        body = json.dumps(answer(predict(samples_of(json.loads(held)))) if held else {"ready": True}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def asgi(run: str, port: int) -> None:
    import uvicorn

    uvicorn.run(bare_app(run), port=port, log_level="error", access_log=False)


def kserve_model(run: str) -> Any:
    """The run's model as KServe has it."""
    from kserve import InferOutput, InferResponse, Model

    predict = predictor(run)

    class Served(Model):
        def load(self) -> bool:
            self.ready = True
            return True

        async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
            found = answer(predict(np.asarray(payload.inputs[0].as_numpy(), np.uint8)))["outputs"][0]
            made = InferOutput(name=found["name"], shape=found["shape"], datatype="FP32", data=found["data"])
            return InferResponse(response_id="1", model_name="model", infer_outputs=[made])

    model = Served("model")
    model.load()
    return model


def kserve(run: str, port: int) -> None:
    sys.argv = sys.argv[:1]
    from kserve import ModelServer

    server = ModelServer(http_port=port, enable_grpc=False, enable_latency_logging=False, workers=1)
    server.start([kserve_model(run)])


def litserve(run: str, port: int) -> None:
    from serving_litserve import serve

    serve(run, port, MAX_BATCH)


if __name__ == "__main__":
    {"asgi": asgi, "kserve": kserve, "litserve": litserve}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
