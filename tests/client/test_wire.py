import copy
from datetime import UTC, datetime

import pytest

from django_authsignal.client.errors import UnexpectedAnswer
from django_authsignal.client.wire import Answer, Reader, State


def read(**wire):
    return Reader(wire, "GET", "/users/{}")


@pytest.mark.parametrize("state", State)
def test_state_is_its_text(state):
    assert state == state.value == str(state)
    assert read(state=state.value).state() is state


def test_review_is_review_required():
    assert read(state="REVIEW").state() is State.REVIEW_REQUIRED


@pytest.mark.parametrize(
    "wire", [{}, {"state": None}, {"state": ""}, {"state": "allow"}, {"state": "ALLOW "}, {"state": "NEW"}]
)
def test_absent_or_unknown_state_is_unexpected(wire):
    """F16, F17"""
    with pytest.raises(UnexpectedAnswer, match="state is missing or unknown"):
        read(**wire).state()


@pytest.mark.parametrize("value", [["ALLOW"], {"ALLOW": 1}, 1, True])
def test_state_of_another_type_is_unexpected(value):
    """F16"""
    with pytest.raises(UnexpectedAnswer, match="state is not of type str"):
        read(state=value).state()


@pytest.mark.parametrize(
    ("value", "truth"), [(True, True), (False, False), ("true", False), (1, False), ([1], False), (None, False)]
)
def test_only_json_true_is_true(value, truth):
    """F16"""
    assert read(isEnrolled=value).is_true("isEnrolled") is truth


@pytest.mark.parametrize("value", ["true", 1, 0, "", [], {}])
def test_flag_of_another_type_is_unexpected(value):
    """F16"""
    with pytest.raises(UnexpectedAnswer, match="isValid is not of type bool"):
        read(isValid=value).required("isValid", bool)


@pytest.mark.parametrize("wire", [{}, {"isValid": None}])
def test_required_member_must_be_there(wire):
    with pytest.raises(UnexpectedAnswer, match="isValid is missing"):
        read(**wire).required("isValid", bool)


def test_first_given_text_is_taken():
    assert read(b="2", c="3").text("a", "b", "c") == "2"
    assert read().text("a", "b") is None


def test_texts_are_a_tuple():
    assert read(ruleIds=["a", "b"]).texts("ruleIds") == ("a", "b")
    assert read(ruleIds=None).texts("ruleIds") == ()


@pytest.mark.parametrize("value", ["abc", [1], ["a", None], {"a": 1}])
def test_anything_but_a_list_of_texts_is_unexpected(value):
    with pytest.raises(UnexpectedAnswer, match="ruleIds is not"):
        read(ruleIds=value).texts("ruleIds")


@pytest.mark.parametrize("text", ["2025-02-20T01:51:56.070Z", "2025-02-20T14:51:56.070+13:00"])
def test_moment_is_aware(text):
    assert read(createdAt=text).moment("createdAt") == datetime(2025, 2, 20, 1, 51, 56, 70_000, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "soon", "2025-02-20", "2025-02-20T01:51:56", "2025-99-20T01:51:56Z"])
def test_moment_without_offset_or_sense_is_unexpected(text):
    with pytest.raises(UnexpectedAnswer, match="createdAt is not a time"):
        read(createdAt=text).moment("createdAt")


@pytest.mark.parametrize("wire", [[], None, "ALLOW"])
def test_answer_that_is_no_object_is_unexpected(wire):
    """F12"""
    with pytest.raises(UnexpectedAnswer, match="an object was expected"):
        Reader(wire, "GET", "/users/{}")


def test_reader_shows_nothing():
    """T65"""
    assert "alice" not in repr(read(email="alice@example.com"))


def test_answer_reads_as_its_wire():
    answer = Answer(wire={"a": 1, "b": None})
    assert (answer["a"], answer.get("c", 5), "b" in answer, list(answer), len(answer)) == (1, 5, True, ["a", "b"], 2)
    assert answer == {"a": 1, "b": None}
    assert copy.copy(answer) == answer


def test_answer_is_frozen():
    with pytest.raises((AttributeError, TypeError)):
        Answer(wire={}).wire = {}
    with pytest.raises(TypeError):
        Answer(wire={})["state"] = "ALLOW"
