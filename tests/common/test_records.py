"""Tuples with named fields, as `typing` makes them."""

import pickle
import subprocess
import sys
from typing import NamedTuple as Usual

import pytest

from tokentrack.common.records import NamedTuple


class Ours(NamedTuple):
    """A pair."""

    one: int
    two: str = "b"

    @property
    def both(self) -> str:
        """Return both."""
        return f"{self.one}{self.two}"


class Theirs(Usual):
    """A pair."""

    one: int
    two: str = "b"

    @property
    def both(self) -> str:
        """Return both."""
        return f"{self.one}{self.two}"


def test_it_is_what_typing_makes():
    for made in (Ours, Theirs):
        assert made(1) == (1, "b")
        assert made(1)._replace(two="c").both == "1c"
        assert made._fields == ("one", "two")
        assert made.__doc__ == "A pair."
        assert made.__module__ == __name__
        assert list(made.__annotations__) == ["one", "two"]
        assert pickle.loads(pickle.dumps(made(2))) == (2, "b")
        with pytest.raises(TypeError):
            made()
    assert repr(Ours(1)) == repr(Theirs(1)).replace("Theirs", "Ours")


def test_typing_is_not_loaded():
    code = "import sys; import tokentrack.common.records; print('typing' in sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True)
    assert done.stdout == b"False\n"
