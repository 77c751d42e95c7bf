"""Every number of every report equals the oracle's, whatever happens to the files.

`python -m programs.report_steps` does many more steps.
"""

from __future__ import annotations

from collections import Counter

import pytest

from support.report_steps import DifferenceError, leave_out_the_checksum, run


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_answers_equal_the_oracles_after_any_step(seed):
    counts = run(seed, 30)
    assert counts["followed"] > counts["rebuilt"] > 0


def test_without_the_checksum_some_would_differ(monkeypatch):
    leave_out_the_checksum(monkeypatch.setattr)
    with pytest.raises(DifferenceError):
        sum((run(seed, 40, questions=2) for seed in range(100, 120)), Counter())
