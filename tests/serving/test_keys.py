from __future__ import annotations

import pytest

from basestone.core.errors import UsageError
from basestone.serving.access import Access, deadline_of
from basestone.serving.keys import Keys, new_token
from basestone.serving.protocol import Refusal


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys.json"


def test_a_key_is_known_by_its_hash_only(file):
    token = new_token(file, "ann", "reviewer")
    assert token.split("_", 2)[2] not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    key = Keys(file).whose(token)
    assert key is not None and (key.name, key.role) == ("ann", "reviewer")
    assert [key.allows(role) for role in ("client", "reviewer", "operator")] == [True, True, False]


def test_keys_of_equal_names_have_salts_of_their_own(file):
    tokens = {new_token(file, "ann", "client") for _ in range(3)}
    keys = Keys(file)
    assert len({keys.whose(token).salt for token in tokens}) == 3


@pytest.mark.parametrize("wrong", ["", "bst_", "bst__", "x", "bst_ab_cd", "é_é_é"])
def test_what_is_no_key_is_none(file, wrong):
    token = new_token(file, "ann", "client")
    assert Keys(file).whose(wrong) is None
    assert Keys(file).whose(token[:-1]) is None
    assert Keys(file).whose(token + "x") is None


def test_a_file_without_keys_is_refused(file):
    with pytest.raises(UsageError, match="must hold at least one key"):
        Keys(file)
    file.write_text('{"keys": [{"id": 1}]}')
    with pytest.raises(UsageError, match="must hold keys that 'basestone keys token' wrote"):
        Keys(file)
    with pytest.raises(UsageError, match="one of client, reviewer, operator; got 'king'"):
        new_token(file, "ann", "king")
    with pytest.raises(UsageError, match="its holder's name"):
        new_token(file, " ", "client")


def test_who_may_what(file):
    access = Access(keys=None)
    assert access.caller(None, "operator") is None
    token = new_token(file, "ann", "client")
    access = Access(keys=Keys(file))
    assert access.caller(f"Bearer {token}", "client") == "ann"
    for header in (None, "", token, f"Basic {token}", "Bearer x"):
        with pytest.raises(Refusal, match="A valid key must be sent") as caught:
            access.caller(header, "client")
        assert caught.value.status == 401
    with pytest.raises(Refusal, match="needs a key of role 'operator'; that of ann is for 'client'") as caught:
        access.caller(f"Bearer {token}", "operator")
    assert caught.value.status == 403


def test_deadlines():
    assert deadline_of(None) is None
    assert deadline_of("1500") == 1.5
    for wrong in ("0", "-1", "1.5", "x", "600001", "9" * 30):
        with pytest.raises(Refusal, match="x-deadline-ms must be whole milliseconds, 1 to 600000"):
            deadline_of(wrong)
