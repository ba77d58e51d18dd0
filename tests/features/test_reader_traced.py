"""A cut-off language model in OpenVINO: one compilation for every length, the same features."""

from __future__ import annotations

import pytest
import torch

from basestone.core.spec import TextSpec
from basestone.features.reader import Reader
from basestone.models.catalogue import INITS, MODELS
from basestone.models.own.text_model import pooled

pytest.importorskip("openvino")
SPEC = TextSpec(vocab_size=200, max_length=64, pad=0, start=1, end=2, mask=3, head="tokens")
KINDS = {"bert": {"layers": 1, "heads": 2}, "gpt": {"layers": 1, "heads": 2}, "recurrent": {}}


@pytest.mark.parametrize("kind", KINDS)
def test_any_number_and_length_of_documents_gives_what_pytorch_gives(kind):
    from basestone.compression.export import traced_openvino
    from basestone.compression.runtime import openvino_predictor

    model = MODELS.build(MODELS.options(kind)(kind=kind, width=32, **KINDS[kind]), SPEC)
    INITS.build(INITS.options("default")(kind="default"), model, 0)
    reader = Reader(model, "head", side="input", pool="mean", pool_tokens=pooled, pad=SPEC.pad).eval()
    ids = torch.randint(4, 200, (5, 40), generator=torch.Generator().manual_seed(0))
    ids[1, 9:], ids[2, 30:] = SPEC.pad, SPEC.pad
    predict = openvino_predictor(traced_openvino(reader, (ids[:2, :16],)), "fp32", 1, free=True)
    with torch.no_grad():
        wanted = reader(ids)
    torch.testing.assert_close(torch.from_numpy(predict(ids.numpy())), wanted, atol=1e-5, rtol=1e-4)
    alone = predict(ids[1:2, :9].contiguous().numpy())
    torch.testing.assert_close(torch.from_numpy(alone), wanted[1:2], atol=1e-5, rtol=1e-4)
