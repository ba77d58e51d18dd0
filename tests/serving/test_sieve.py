"""A filter in the path of a model that writes the alphabet on; it keeps back every text with a q in it."""

from __future__ import annotations

import asyncio
import hashlib
import math

import pytest
from test_writing import logged, run, wanted, writing
from tiny_server import sieve

from basestone.serving import writing as module
from basestone.serving.nursery import is_running
from basestone.serving.protocol import Refusal


def filtered(folder, **request):
    return writing(folder, sieve=sieve(folder, **request))


async def cases(made):
    return await made.journal(lambda queue: queue.cases())


async def given(made, text, **parameters):
    return [piece async for piece in made.author.write(wanted(text, **parameters))]


def test_a_prompt_that_is_kept_back_is_never_read_by_the_model_and_people_are_asked(tmp_path):
    async def test():
        async with filtered(tmp_path) as made:
            with pytest.raises(
                Refusal, match="The filter keeps this prompt back, and people were asked: ticket"
            ) as caught:
                await given(made, "a quiet place")
            assert caught.value.status == 422 and not await logged(made, "writing")
            (case,), (row,) = await cases(made), await logged(made, "filtered")
            assert case.ticket.input == b"a quiet place" and case.ticket.reasons == ("filtered_prompt",)
            assert case.ticket.id == row["ticket"] and case.ticket.id in caught.value.message
            assert case.ticket.confidence == pytest.approx(1 / (1 + math.exp(-5))) and row["score"] == 5
            assert row["digest"] == hashlib.sha256(b"a quiet place").hexdigest()

    run(test)


@pytest.mark.parametrize(("stretch", "said"), [(1, "lmnop"), (2, "lmno"), (3, "lmn"), (16, "")])
def test_what_is_written_ends_before_the_stretch_that_is_kept_back(tmp_path, monkeypatch, stretch, said):
    """From k on: l m n o p, and then a q. By hand, for stretches of so many letters."""

    async def test():
        monkeypatch.setattr(module, "STRETCH", stretch)
        async with filtered(tmp_path) as made:
            found = await given(made, "k")
            assert "".join(piece.text for piece in found) == said
            assert [piece.end for piece in found] == [None] * len(said) + ["content_filter"]
            (row,), (case,) = await logged(made, "written"), await cases(made)
            assert row["text"] == said and row["end"] == "content_filter"
            assert found[-1].ticket == case.ticket.id and found[-1].token == -1
            assert case.ticket.input.decode().startswith("lmnopq"[: len(said) + 1])
            assert case.ticket.reasons == ("filtered_text",)

    run(test)


def test_what_may_pass_is_the_same_text_with_a_filter_and_without(tmp_path):
    async def test():
        async with filtered(tmp_path) as made, writing(tmp_path / "other") as plain:
            for text, tokens in (("a", 15), ("r", 40), ("a", 2)):
                assert await given(made, text, max_tokens=tokens) == await given(plain, text, max_tokens=tokens)
            assert not await cases(made)

    (tmp_path / "other").mkdir()
    run(test)


def test_a_persons_label_comes_before_the_filters(tmp_path):
    async def test():
        async with filtered(tmp_path) as made:
            for text, label in (("q", "fine"), ("s", "q")):
                await made.override(hashlib.sha256(text.encode()).hexdigest(), label, "ann", "looked at")
            assert "".join(piece.text for piece in await given(made, "q", max_tokens=3)) == "rst"
            with pytest.raises(Refusal, match="keeps this prompt back"):
                await given(made, "s")

    run(test)


def test_nothing_passes_a_filter_that_cannot_judge(tmp_path):
    async def test():
        async with filtered(tmp_path, broken=True) as made:
            with pytest.raises(Refusal, match="The filter cannot judge now: OSError: no filter here") as caught:
                await given(made, "a")
            assert caught.value.status == 503 and not await logged(made, "writing")

    run(test)


def test_a_filter_that_was_killed_is_started_again(tmp_path):
    async def test():
        async with filtered(tmp_path) as made:
            await given(made, "a", max_tokens=1)
            filter_ = made.author._sieve
            await filter_._worker.halt()
            assert "".join(piece.text for piece in await given(made, "a", max_tokens=2)) == "bc"

    run(test)


def test_a_score_that_is_no_number_keeps_back(tmp_path):
    async def test():
        async with filtered(tmp_path) as made:
            filter_ = made.author._sieve.filter
            object.__setattr__(filter_, "score", lambda logits: logits[:, 0] * math.nan)
            with pytest.raises(Refusal, match="keeps this prompt back"):
                await given(made, "a")

    run(test)


def test_texts_are_judged_whole_however_long(tmp_path):
    async def test():
        async with filtered(tmp_path) as made:
            sieve_ = made.author._sieve
            for place in (0, 5, 6, 150, 299):
                text = "a" * place + "q" + "a" * (299 - place)
                assert (await sieve_.judge(text, {})).held
            assert not (await sieve_.judge("a" * 300, {})).held

    run(test)


def test_what_the_filter_cannot_read_is_kept_back_and_nothing_is_said_of_silence(tmp_path):
    async def test():
        async with filtered(tmp_path) as made:
            sieve_ = made.author._sieve
            object.__setattr__(sieve_.filter, "stretches", lambda text: [])
            assert (await sieve_.judge("\x7f", {})).held and not (await sieve_.judge(" ", {})).held

    run(test)


def test_what_was_written_before_a_stop_is_not_given_after_it(tmp_path):
    async def test():
        async with filtered(tmp_path) as made:
            judge = made.author._sieve.judge

            async def stopping(text, overrides, known):
                if text != "a":
                    await made.keeper.stop("ann", "a drill")
                return await judge(text, overrides, known)

            made.author._sieve.judge = stopping
            with pytest.raises(Refusal, match="stopped by ann"):
                await given(made, "a", max_tokens=3)
            await made.author.close()
            assert [row["text"] for row in await logged(made, "written")] == [""]

    run(test)


def test_a_stop_ends_the_process_of_the_filter_and_nothing_starts_it_before_the_release(tmp_path):
    async def test():
        async with filtered(tmp_path) as made:
            assert len(await given(made, "a", max_tokens=1)) == 1
            sieve_ = made.author._sieve
            process = sieve_._worker.pid
            await made.keeper.stop("ann", "a drill")
            assert not is_running(process)
            with pytest.raises(Refusal, match="stopped by ann"):
                await given(made, "a")
            with pytest.raises(Refusal, match="cannot judge now: the service was stopped"):
                await sieve_.judge("another text", {})
            assert sieve_._worker.pid is None
            await made.keeper.release("ann", "the drill is over")
            while not made.keeper.ready:
                await asyncio.sleep(0.01)
            assert len(await given(made, "a", max_tokens=1)) == 1 and sieve_._worker.pid != process

    run(test)
