from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basestone.serving.protocol import Refusal
from basestone.serving.wanted import Stops, parse_wanted


def parsed(parameters=None, **body):
    return parse_wanted(json.dumps({"text_input": "a", "parameters": parameters or {}} | body).encode())


def test_what_is_not_said_is_as_the_specification_has_it():
    found = parsed()
    assert (found.max_tokens, found.temperature, found.top_p, found.top_k, found.stop) == (20, 1.0, 1.0, None, ())
    assert found.id and not found.details and 0 <= found.seed < 2**53
    assert parsed().seed != found.seed
    told = {"max_tokens": 3, "temperature": 0, "top_p": 0.5, "top_k": 4, "seed": 7, "stop": ["x"], "details": True}
    found = parsed(told, id="one")
    assert found.choice == {"temperature": 0, "top_p": 0.5, "top_k": 4, "seed": 7}
    assert (found.id, found.max_tokens, found.stop, found.details) == ("one", 3, ("x",), True)


@pytest.mark.parametrize(
    ("parameters", "body", "message"),
    [
        ({}, {"text_input": None}, "'text_input' must be text."),
        ({}, {"text_input": "\ud800"}, "'text_input' must be valid Unicode text."),
        ({}, {"id": "x" * 129}, "'id' must be text of at most 128 characters."),
        ({"max_tokens": 0}, {}, "'max_tokens' must be a whole number from 1 to 512; got 0."),
        ({"max_tokens": 513}, {}, "from 1 to 512; got 513."),
        ({"max_tokens": 2.5}, {}, "'max_tokens' must be a whole number"),
        ({"max_tokens": True}, {}, "got True."),
        ({"temperature": -1}, {}, "'temperature' must be a number from 0 to 10; got -1."),
        ({"temperature": "1"}, {}, "'temperature' must be a number"),
        ({"top_p": 0}, {}, "'top_p' must be a number from 1e-06 to 1; got 0."),
        ({"top_k": 0}, {}, "'top_k' must be a whole number from 1"),
        ({"seed": 2**60}, {}, "'seed' must be a whole number"),
        ({"stop": "x"}, {}, "'stop' must be a list of at most 5 texts."),
        ({"stop": list("abcdef")}, {}, "'stop' must be a list of at most 5 texts."),
        ({"stop": [""]}, {}, "Each of 'stop' must have 1 to 100 characters."),
        ({"stop": [1]}, {}, "Each of 'stop' must be text."),
        ({"best_of": 2}, {}, "There is no parameter 'best_of'. Known: max_tokens, temperature,"),
    ],
)
def test_what_is_wrong_is_said(parameters, body, message):
    with pytest.raises(Refusal) as caught:
        parsed(parameters, **body)
    assert caught.value.status == 400 and message in caught.value.message


@pytest.mark.parametrize("text", ["[]", "{", '{"text_input": "a", "parameters": {"temperature": NaN}}'])
def test_what_is_no_request_is_refused(text):
    with pytest.raises(Refusal) as caught:
        parse_wanted(text.encode())
    assert caught.value.status == 400


def test_a_stop_that_comes_in_pieces_by_hand():
    stops = Stops(["END", "\n\n"])
    assert [stops.take(piece) for piece in ("one E", "N", "O E", "ND two")] == [
        ("one ", False),
        ("", False),
        ("ENO ", False),
        ("", True),
    ]
    stops = Stops(["END"])
    assert stops.take("so E") == ("so ", False) and stops.rest() == "E" and stops.rest() == ""


@settings(max_examples=200)
@given(st.text("ab", max_size=20), st.text("ab", min_size=1, max_size=4), st.integers(1, 3))
def test_however_a_text_is_cut_it_ends_before_its_first_stop(text, stop, step):
    stops, given_away, ended = Stops([stop]), "", False
    for place in range(0, len(text), step):
        piece, ended = stops.take(text[place : place + step])
        given_away += piece
        if ended:
            break
    if not ended:
        given_away += stops.rest()
    assert given_away == text.partition(stop)[0] and ended == (stop in text)
