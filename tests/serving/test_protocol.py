from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basestone.serving.protocol import Refusal, answer, parse


def body(**tensor):
    return json.dumps({"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]} | tensor]})


def refused(text, length=None):
    with pytest.raises(Refusal) as caught:
        parse(text.encode() if isinstance(text, str) else text, length)
    assert caught.value.status == 400
    return caught.value.message


def test_nested_and_flat_data_are_the_same_tensor():
    flat, nested = (parse(body(data=data).encode(), None) for data in ([1, 2, 3, 4], [[1, 2], [3, 4]]))
    for request in (flat, nested):
        np.testing.assert_array_equal(request.inputs[0].data, np.array([[1, 2], [3, 4]], np.float32))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "The body must be JSON and is not"),
        ("[" * 100_000, "The body must be JSON and is not"),
        ("[]", "The body must be an object."),
        ('{"inputs": []}', "'inputs' must be a list of at least one tensor."),
        ('{"inputs": [1]}', "Inputs[0] must be an object."),
        (body(name=3), "inputs[0].name must be text."),
        (body(datatype="FP16"), "must be one of BOOL, UINT8, INT32, INT64, FP32, FP64, BYTES; got 'FP16'."),
        (body(shape=[-1, 2]), "must be a list of whole numbers from 0 on; got [-1, 2]."),
        (body(shape=[True]), "must be a list of whole numbers from 0 on"),
        (body(data=[1, 2, 3]), "must hold the 4 elements of shape [2, 2]; got 3."),
        (body(data=[[1, 2], 3, 4]), "must be nested evenly: lists and numbers are mixed."),
        (body(data=[1, 2, 3, "4"]), "must hold numbers of FP32; found str."),
        (body(data=None), "must have 'data', a list, or binary_data_size among its parameters."),
        (body(datatype="UINT8", data=[1, 2, 3, 256]), "must lie in 0 to 255 of UINT8."),
        (body(datatype="UINT8", data=[1, 2, 3, 1.5]), "must hold numbers of UINT8; found float."),
        (body(datatype="INT64", data=[10**400] * 4), "must lie in -9223372036854775808"),
        (body(datatype="BYTES", data=[1, 2, 3, 4]), "must hold text for BYTES; found int."),
        (body().replace("[1, 2, 3, 4]", "[1, 2, 3, NaN]"), "Numbers must be finite; got NaN."),
        (body().replace("[1, 2, 3, 4]", "[1, 2, 3, -Infinity]"), "Numbers must be finite; got -Infinity."),
        (json.dumps({"id": 3, **json.loads(body())}), "'id' must be text."),
        (json.dumps({"id": "x" * 129, **json.loads(body())}), "'id' must be text of at most 128 characters."),
    ],
)
def test_what_is_wrong_is_said(text, message):
    assert message in refused(text)


def binary(size, raw, shape=(2, 2), datatype="FP32"):
    tensor = {"name": "x", "shape": list(shape), "datatype": datatype, "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [tensor]}).encode()
    return head + raw, str(len(head))


def test_raw_tensors_are_read_and_written():
    values = np.arange(4, dtype=np.float32)
    request = parse(*binary(16, values.tobytes()))
    np.testing.assert_array_equal(request.inputs[0].data, values.reshape(2, 2))
    head = json.dumps({"parameters": {"binary_data_output": True}, **json.loads(body())}).encode()
    text, headers = answer(parse(head, None), "m", "1", {"y": values, "label": ["é", "b"]}, {"proven": True})
    length = int(headers["inference-header-content-length"])
    told = json.loads(text[:length])
    assert [one["parameters"]["binary_data_size"] for one in told["outputs"]] == [16, 4 + 2 + 4 + 1]
    np.testing.assert_array_equal(np.frombuffer(text[length : length + 16], np.float32), values)
    assert text[length + 16 :] == b"\x02\0\0\0" + "é".encode() + b"\x01\0\0\0b"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (binary(12, b"\0" * 12), "must hold 16 bytes, 4 × FP32; got 12."),
        (binary(20, b"\0" * 16), "binary_data_size must be at most the 16 bytes left; got 20."),
        (binary(16, b"\0" * 17), "The binary part must hold the bytes that 'inputs' name, 16; got 17."),
        (binary(6, b"\xff\xff\xff\xff..", [1], "BYTES"), "each element of BYTES must be its length (4 bytes)"),
        ((b"{}", "x"), "inference-header-content-length must be a number of bytes up to 2; got 'x'."),
        ((b"{}", "3"), "must be a number of bytes up to 2; got '3'."),
    ],
)
def test_raw_tensors_that_lie_about_their_size_are_refused(made, message):
    assert message in refused(*made)


def test_an_output_that_is_not_there_is_named():
    request = parse(json.dumps({**json.loads(body()), "outputs": [{"name": "nope"}]}).encode(), None)
    with pytest.raises(Refusal, match=r"There is no output 'nope'\. Known: y\."):
        answer(request, "m", "1", {"y": np.zeros(1, np.float32)}, {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["inputs", "name", "shape", "datatype", "data", "outputs", "parameters"]), inner
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(JSON, st.binary(max_size=30), st.none() | st.integers(0, 400).map(str))
def test_whatever_comes_is_parsed_or_refused(value, tail, length):
    """A fuzzer finds no third way."""
    try:
        parse(json.dumps({"inputs": [value]} if not isinstance(value, dict) else value).encode() + tail, length)
    except Refusal as refusal:
        assert refusal.status == 400 and refusal.message


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "name": st.just("x"),
            "shape": st.lists(st.integers(-1, 3), max_size=9),
            "datatype": st.sampled_from(["BOOL", "UINT8", "INT32", "INT64", "FP32", "FP64", "BYTES"]),
            "data": st.lists(st.integers() | st.floats() | st.text(max_size=3) | st.lists(st.integers(), max_size=3)),
        }
    )
)
def test_a_tensor_that_is_read_is_of_its_shape(tensor):
    try:
        (found,) = parse(json.dumps({"inputs": [tensor]}).encode(), None).inputs
    except Refusal:
        return
    if isinstance(found.data, np.ndarray):
        assert found.data.shape == tuple(tensor["shape"])
        assert np.isfinite(found.data.astype(float)).all() or tensor["datatype"] == "FP32"
    else:
        assert len(found.data) == np.prod(tensor["shape"])
