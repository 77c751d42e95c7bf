"""Any single value in Kiro's files may be anything: it costs its own record at most."""

import copy
import json
import random
import sqlite3
from contextlib import closing

import pytest

from support.kiro_homes import build
from tokentrack.kiro import all_sources, values
from tokentrack.kiro.kiro_paths import KiroPaths
from tokentrack.kiro.read_pass import WRONG_SHAPE, ReadPass

ODD = (None, True, -1, 1e308, -1e308, 10**30, "", "\0", "\ud800", "x" * 100, [], {}, [[]], 5,
       [None], {"a": 5}, [5, "a", {}], {"text": {"text": []}}, "9" * 400, "1e999")  # fmt: skip
ROUNDS = 80


def deep():
    value = []
    for _ in range(300):
        value = [value]
    return value


def mutated(value, choose):
    """Return a JSON value of which one part, anywhere, is another."""
    places = [(None, None)]

    def collect(node):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, inner in items:
            places.append((node, key))
            if isinstance(inner, dict | list):
                collect(inner)

    changed = copy.deepcopy(value)
    collect(changed)
    node, key = choose.choice(places)
    odd = choose.choice([*ODD, deep()])
    if node is None:
        return odd
    if isinstance(node, dict) and choose.random() < 0.3:
        del node[key]
    else:
        node[key] = odd
    return changed


def documents(folder):
    """Return Kiro's JSON files in a home."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and is_json(path)]


def is_json(path):
    try:
        return isinstance(json.loads(path.read_text().split("\n")[0]), dict)
    except ValueError:
        return False


def change(path, choose):
    """Change one value of a document, or of one line of a file of lines."""
    if path.suffix == ".jsonl":
        lines = path.read_text().split("\n")
        at = choose.randrange(len(lines))
        try:
            lines[at] = json.dumps(mutated(json.loads(lines[at]), choose))
        except ValueError:
            lines[at] = "{"
        path.write_text("\n".join(lines))
    else:
        path.write_text(json.dumps(mutated(json.loads(path.read_text()), choose)))


def change_database(path, choose):
    with closing(sqlite3.connect(path)) as database, database:
        rows = database.execute("SELECT rowid, value FROM conversations_v2").fetchall()
        rowid, value = choose.choice(rows)
        text = json.dumps(mutated(json.loads(value), choose))
        database.execute("UPDATE conversations_v2 SET value = ? WHERE rowid = ?", (text, rowid))
    database.close()


def read(home):
    with ReadPass() as reading:
        paths = KiroPaths(home.environ, "linux")
        turns = list(
            all_sources.turns(paths, reading, workspaces={t.workspace for t in home.expected})
        )
    return turns, reading


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_one_odd_value_ends_no_reading_and_harms_no_other_file(tmp_path, seed):
    choose = random.Random(seed)
    home = build(tmp_path)
    whole = {turn.source_id for turn in read(home)[0]}
    files = documents(tmp_path)
    assert {path.suffix for path in files} >= {".json", ".jsonl", ".chat", ""}
    for _ in range(ROUNDS):
        path = choose.choice(files)
        before = path.read_bytes()
        change(path, choose)
        turns, _ = read(home)
        # The turns of the largest file may be gone, those of all others are there.
        assert len({turn.source_id for turn in turns} & whole) >= len(whole) - 8, path
        path.write_bytes(before)


def test_one_odd_value_of_a_database_ends_no_reading(tmp_path):
    choose = random.Random(1)
    home = build(tmp_path)
    path = next(tmp_path.rglob("kiro-cli/data.sqlite3"))
    before = path.read_bytes()
    for _ in range(ROUNDS):
        change_database(path, choose)
        assert len(read(home)[0]) > 10
        path.write_bytes(before)


def test_what_nobody_foresaw_costs_its_own_record_and_is_told(tmp_path, monkeypatch):
    home = build(tmp_path)
    count = values.count

    def unforeseen(value):
        if value == 1:
            raise TypeError
        return count(value)

    whole = len(read(home)[0])
    monkeypatch.setattr(values, "count", unforeseen)
    turns, reading = read(home)
    assert 0 < len(turns) < whole
    assert reading.counts[WRONG_SHAPE] >= whole - len(turns)
