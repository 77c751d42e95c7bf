"""The exceptions that callers see."""

import pickle

import pytest

from tokentrack.errors import FileSystemError, TokenTrackError, ValidationError
from tokentrack.models import TokenTransaction


def test_callers_may_catch_the_usual_exceptions():
    with pytest.raises(ValueError, match="tokens_used must be a whole number of 0 or more, not -1"):
        TokenTransaction.create_new("p", -1, 1.0, "ws", "t")
    with pytest.raises(OSError, match="no room") as caught:
        raise FileSystemError("no room")
    assert isinstance(caught.value, TokenTrackError)
    assert (str(caught.value), caught.value.errno) == ("no room", None)


def test_an_exception_comes_back_from_another_process():
    error = pickle.loads(pickle.dumps(ValidationError(["a is wrong", "b is wrong"])))
    assert (str(error), error.issues) == ("a is wrong; b is wrong", ["a is wrong", "b is wrong"])
    assert str(pickle.loads(pickle.dumps(FileSystemError("no room")))) == "no room"
