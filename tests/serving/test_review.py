from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from basestone.core.errors import DataError, UsageError
from basestone.serving.exchange import (
    export_decisions,
    export_label_studio,
    import_label_studio,
    label_studio_config,
)
from basestone.serving.review import Answer, Doubtful, ReviewQueue

LABELS = ("cat", "dog")


def ticket(name, media="image/png", held=b"\x89PNG"):
    return Doubtful(
        id=name,
        request="r",
        digest="d" * 64,
        media=media,
        input=held,
        prediction="cat",
        confidence=0.5,
        reasons=("several_classes",),
    )


@pytest.fixture
def queue(tmp_path):
    made = ReviewQueue(tmp_path / "review.db", LABELS)
    made.file([Answer(told={"request": "r", "samples": []}, tickets=[ticket("one"), ticket("two")])])
    yield made
    made.close()


def test_two_people_who_agree_settle_a_case(queue):
    assert queue.case("one").state == "open"
    assert queue.decide("one", "ann", "dog").state == "open"
    assert [case.ticket.id for case in queue.waiting("ann")] == ["two"]
    assert [case.ticket.id for case in queue.waiting("bob")] == ["one", "two"]
    case = queue.decide("one", "bob", "dog", "clear")
    assert (case.state, case.label) == ("settled", "dog")
    assert queue.counts() == {"open": 1, "disputed": 0, "settled": 1}


def test_a_third_person_settles_what_two_dispute(queue):
    queue.decide("one", "ann", "dog")
    assert queue.decide("one", "bob", "cat").state == "disputed"
    assert queue.decide("one", "eve", "cat").label == "cat"
    assert queue.agreement() < 0.5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nope", "ann", "cat"), "There is no ticket 'nope'."),
        (("one", "ann", "cta"), "There is no label 'cta'. Did you mean 'cat'?"),
        (("one", " ", "cat"), "A reviewer must have a name of 1 to 64 characters."),
        (("one", "zoe", "cat"), "the labels of different people, and zoe has decided ticket one before."),
        (("two", "ann", "cat"), "Ticket two is settled as 'dog'. To correct an answer, override it."),
    ],
)
def test_a_decision_that_cannot_be_is_refused(queue, words, message):
    queue.decide("one", "zoe", "cat")
    for who in ("zoe", "bob"):
        queue.decide("two", who, "dog")
    with pytest.raises(UsageError) as caught:
        queue.decide(*words)
    assert message in str(caught.value)


def test_the_newest_override_holds(queue):
    queue.override("a" * 64, "cat", "ann", "seen by a vet")
    queue.override("a" * 64, "dog", "ann", "no, it barks")
    assert queue.overrides() == {"a" * 64: "dog"}
    with pytest.raises(UsageError, match="An override must say why"):
        queue.override("a" * 64, "dog", "ann", " ")


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE decision SET label = 'cat'", "decision of row 4 is not as the log has it"),
        ("DELETE FROM decision", "decision of row 4 is in the log and was taken out of its table"),
        ("UPDATE ticket SET input = x'00' WHERE id = 'one'", "ticket of row 2 is not as the log has it"),
        ("UPDATE override SET label = 'dog'", "override of row 5 is not as the log has it"),
        (
            "INSERT INTO decision VALUES (77, 'two', 'bob', 'cat', '', '')",
            "decision of row 77 is not as the log has it",
        ),
    ],
)
def test_a_table_that_is_not_as_the_log_has_it_is_found(queue, statement, fault):
    queue.decide("one", "ann", "dog")
    queue.override("a" * 64, "cat", "ann", "why not")
    assert queue.faults() == []
    other = sqlite3.connect(queue.log.path)
    other.execute(statement)
    other.commit()
    other.close()
    assert queue.faults() == [fault]


PROGRAM = """
import sys
from basestone.serving.review import ReviewQueue
queue = ReviewQueue(__import__("pathlib").Path(sys.argv[1]), ("cat", "dog"))
for number in range(10_000):
    if number < 2:
        queue.decide(("two", "one")[number], f"person {number}", "dog")
    else:
        queue.override(f"{number:064x}", "cat", "ann", "why not")
    print(number, flush=True)
"""


def test_kill_9_loses_no_decision_that_was_acknowledged(queue):
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(queue.log.path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(25):
        last = process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    told = [int(last), *(int(line) for line in process.stdout.read().splitlines() if line)]
    process.wait()
    process.stdout.close()
    assert queue.faults() == []
    assert len(queue.overrides()) >= max(told) - 1  # numbers 2 … max are overrides
    assert queue.counts()["open"] == 2 and queue.case("two").decisions == {"person 0": "dog"}


def test_settled_cases_become_a_folder_of_classes(queue, tmp_path):
    with pytest.raises(UsageError, match="at least one case on which two people agreed"):
        export_decisions(queue, tmp_path / "out")
    for who in ("ann", "bob"):
        queue.decide("one", who, "dog")
    assert export_decisions(queue, tmp_path / "out") == {"dog": 1}
    assert (tmp_path / "out/dog/one.png").read_bytes() == b"\x89PNG"
    with pytest.raises(UsageError, match="must be empty or new"):
        export_decisions(queue, tmp_path / "out")


def test_settled_texts_become_lines(tmp_path):
    queue = ReviewQueue(tmp_path / "r.db", LABELS)
    queue.file([Answer(told={}, tickets=[ticket("t", "text/plain", "ein Hund …".encode())])])
    for who in ("ann", "bob"):
        queue.decide("t", who, "dog")
    export_decisions(queue, tmp_path / "out")
    lines = (tmp_path / "out/train.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"text": "ein Hund …", "label": "dog"}]
    queue.close()


def test_label_studio_gets_cases_and_gives_decisions_back(queue, tmp_path):
    queue.decide("one", "ann", "dog")
    path = tmp_path / "tasks.json"
    assert export_label_studio(queue, path) == 2
    assert '<Choice value="dog"/>' in path.with_suffix(".xml").read_text()
    tasks = json.loads(path.read_text())
    assert tasks[0]["data"]["image"].startswith("data:image/png;base64,")
    result = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["dog"]}}
    assert tasks[0]["annotations"] == [{"completed_by": {"email": "ann"}, "result": [result]}]
    tasks[0]["annotations"].append({"completed_by": 7, "result": [result]})  # as Label Studio writes a user by number
    tasks[1]["annotations"] = [{"completed_by": {"email": "bob"}, "was_cancelled": True, "result": []}]
    path.write_text(json.dumps(tasks))
    assert import_label_studio(queue, path) == 1
    assert queue.case("one").label == "dog" and "label-studio-7" in queue.case("one").decisions
    assert import_label_studio(queue, path) == 0
    assert queue.faults() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda task: task["data"].update(ticket="nope"), "task 0 must name a ticket of this service; got 'nope'."),
        (
            lambda task: task["annotations"][0]["result"][0]["value"].update(choices=["cow"]),
            "task 0 must give one of the labels cat, dog; got 'cow'.",
        ),
        (lambda task: task["annotations"][0].pop("completed_by"), "task 0 must be as Label Studio exports it"),
    ],
)
def test_foreign_annotations_are_refused_and_nothing_is_taken(queue, tmp_path, change, message):
    queue.decide("one", "ann", "dog")
    export_label_studio(queue, path := tmp_path / "tasks.json")
    tasks = json.loads(path.read_text())
    tasks[0]["annotations"][0]["completed_by"] = {"email": "new"}
    change(tasks[0])
    path.write_text(json.dumps(tasks))
    with pytest.raises(DataError) as caught:
        import_label_studio(queue, path)
    assert message in str(caught.value)
    assert list(queue.case("one").decisions) == ["ann"]


def test_the_labeling_interface_names_every_class():
    text = label_studio_config(("a<b", 'c"d'), "image/png")
    assert '<Image name="image" value="$image"/>' in text
    assert '<Choice value="a&lt;b"/>' in text and '<Choice value="c&quot;d"/>' in text
