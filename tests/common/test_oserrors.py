"""An error of the system is one sentence: the file, the problem and the fix."""

import errno
import os

import pytest

from tokentrack.common.oserrors import sentence_of, with_path


@pytest.mark.parametrize(
    ("number", "problem", "fix"),
    [
        (errno.EACCES, "Permission denied", "check its owner and mode"),
        (errno.EISDIR, "is a folder", "move the folder away"),
        (errno.ELOOP, "is a link", "replace the link with a file"),
        (errno.ENOSPC, "No space left on device", "free some space"),
        (errno.EXDEV, os.strerror(errno.EXDEV), "run `tokentrack doctor`"),
    ],
)
def test_a_sentence_has_the_file_the_problem_and_the_fix(number, problem, fix):
    said = sentence_of(OSError(number, os.strerror(number), "/w/a.csv"))
    assert said.startswith(f"/w/a.csv: {problem}; {fix}")


def test_without_a_file_a_sentence_is_the_problem():
    assert sentence_of(OSError(errno.ENOSPC, "No space left on device")) == (
        "No space left on device"
    )
    assert sentence_of(OSError("odd")) == "odd"


@pytest.mark.parametrize(
    ("named", "path"),
    [
        (None, "/w/.kiro/a.csv"),  # a write
        ("b.csv", "/w/.kiro/b.csv"),  # opened relative to the folder
        ("/elsewhere/c.csv", "/elsewhere/c.csv"),
        (".kiro", "/w/.kiro"),  # the folder, opened relative to its parent
    ],
)
def test_an_error_gets_the_path_of_its_file(named, path):
    with pytest.raises(OSError) as caught, with_path("/w/.kiro", "a.csv"):  # noqa: PT011
        raise OSError(errno.EIO, "Input/output error", named)
    assert caught.value.filename == path
