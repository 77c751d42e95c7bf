"""Lists of turns: the oracle's turns, their order, and the texts of the files."""

from __future__ import annotations

import re
from random import Random

import pytest

from support import oracle
from support.report_changes import ChangingWorld
from support.report_check import Reference, plain
from tokentrack.common import timestamps
from tokentrack.errors import ValidationError
from tokentrack.reports.turns.grep import Grep
from tokentrack.reports.turns.turn_list import list_turns
from tokentrack.reports.turns.turn_rows import SORTS, short_ids

NAMES = ("workspace", "session", "trigger", "hook", "surface", "model", "user", "machine")


def expected_of(turn: oracle.Turn) -> tuple:
    return (
        timestamps.format_us(turn.at),
        *[turn.values[name] or None for name in NAMES],
        plain(turn.credits), turn.tokens, turn.basis,
        None if turn.micros is None else turn.micros / 10**6,
        turn.values["failed"], turn.values["message"] or None, tuple(turn.patterns),
        tuple(turn.tags),
    )  # fmt: skip


def found_of(row: dict) -> tuple:
    return (
        row["when"], *[row[name] for name in NAMES], row["credits"], row["tokens"],
        row["token_basis"], row["seconds"], row["failed"], row["message"],
        tuple(row["patterns"]), tuple(row["tags"]),
    )  # fmt: skip


def prompts_of(reference: Reference) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in reference.world.rows:
        found.setdefault(row.record.agent_execution_id, set()).add(row.record.prompt_text)
    return found


def key(row: dict, sort: str):
    return {
        "when": lambda: timestamps.parse(row["when"]),
        "credits": lambda: row["credits"] and oracle.Decimal(row["credits"]),
        "time": lambda: row["seconds"],
        "tokens": lambda: row["tokens"],
        "rate": lambda: row["tokens_per_second"],
    }[sort]()


def check_order(rows: list[dict], sort: str, *, is_reversed: bool) -> None:
    keys = [key(row, sort) for row in rows]
    known = [value for value in keys if value is not None]
    assert keys == known + [None] * (len(keys) - len(known)), "unknown comes last"
    assert known == sorted(known, reverse=not is_reversed)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_every_turn_of_the_oracle_is_listed_once(tmp_path, seed):
    world, random = ChangingWorld(tmp_path, seed), Random(seed)
    index = str(tmp_path / "index.db")
    for _ in range(15):
        world.step()
        only = random.choice([None, None, random.choice(world.paths)])
        reference = Reference(world.paths if only is None else [only])
        prompts = prompts_of(reference)
        sort, sign = random.choice(SORTS), random.choice(["", "-"])
        asked = {"ledgers": world.paths, "tz": "UTC", "sort": sign + sort, "only": only}
        answer = list_turns(**asked, index=index)
        expected = sorted(map(expected_of, reference.found.turns), key=repr)
        assert sorted(map(found_of, answer.rows), key=repr) == expected, world.steps
        check_order(answer.rows, sort, is_reversed=bool(sign))
        for row in answer.rows:
            if row["prompt"] is not None:
                assert row["prompt"] in prompts[row["id"]]
        assert list_turns(**asked).rows == answer.rows, "the order depends on nothing else"
        assert list_turns(**asked, index=index, limit=3).rows == answer.rows[:3]
        assert answer.more_rows == 0
        assert answer.total["turns"] == len(answer.rows)


PROMPTS = [
    "Add a retry to the upload", "ADD A RETRY", "two\nlines", 'say "hi", please', "C:\\new",
    "Kelvin \u212aey", "lone \udc80 surrogate", "", "naïve", "a" * 5000 + " end",
]  # fmt: skip
EXPRESSIONS = [
    "retry", "RETRY", "add.*upload", "two.lines", r"two\nlines", '"hi", pl', r"c:\\new", "key",
    "naïve", "^add", "end$", "(retry|lines)", "colou?r|end", "", "a+ end", r"\S+ey", "[hk]i",
]  # fmt: skip


@pytest.fixture
def told(tmp_path):
    """Return a world whose turns have prompts that are hard to search."""
    world = ChangingWorld(tmp_path, 5, ledgers=1)
    for number, prompt in enumerate(PROMPTS):
        cells = {"hook_name": "stop", "tokens_used": "1", "elapsed_time": "1",
                 "file_patterns": "", "error_occurred": "false"}  # fmt: skip
        row = world.row(f"e-{number}", world._time(), prompt_text=prompt, **cells)
        world.write(world.ledgers[0], "token_transactions", row)
    return world


@pytest.mark.parametrize("is_archived", [False, True])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_prompt_is_found_as_the_expression_alone_would_find_it(told, expression, is_archived):
    if is_archived:
        told.rotate()
        told.compress()
        assert told.ledgers[0].archives("token_transactions")[0].suffix == ".gz"
    has_capital = re.sub(r"\\.", "", expression) != re.sub(r"\\.", "", expression).lower()
    flags = 0 if has_capital else re.IGNORECASE
    expected = {prompt for prompt in PROMPTS if re.search(expression, prompt, flags)}
    answer = list_turns(ledgers=told.paths, grep=expression)
    assert {row["prompt"] for row in answer.rows} == expected
    assert answer.total["turns"] == len(expected)
    assert answer.provenance["credits"]["unknown"] == len(expected)


@pytest.mark.parametrize(
    ("expression", "needle"),
    [("retry", "retry"), ("Retry", "Retry"), ("key word", "ey word"), ("add.*upload", "upload"),
     ("a|retry", ""), ("retr?y", ""), ("(retry)", ""), (r"a\sretry", ""), ("ab", ""),
     ('say "hello"', "hello")],
)  # fmt: skip
def test_what_every_match_must_contain(expression, needle):
    assert Grep(expression).needle == needle


def test_a_word_that_is_not_an_expression_is_named(tmp_path):
    world = ChangingWorld(tmp_path, 1)
    with pytest.raises(ValidationError, match=r"'\(' is not a regular expression"):
        list_turns(ledgers=world.paths, grep="(")
    with pytest.raises(ValidationError, match="can't sort by 'price'"):
        list_turns(ledgers=world.paths, sort="price")


def test_short_ids_differ_from_each_other():
    ids = ["exec_0123456789", "0123456780", "9531985d-5d9d", "kiro-cli:1,2", "kiro-cli:1,3", "a"]
    found = short_ids(ids)
    assert len(set(found)) == len(ids)
    assert found[0] == "0123456789"
    assert found[1] == "0123456780"
    assert found[2] == "9531985d"
    assert all(re.fullmatch("x[0-9a-f]{7}", text) for text in found[3:])
