"""Every message, help text, docstring and comment avoids the phrases that are hard to read."""

import ast
import io
import re
import tokenize
from itertools import pairwise

import pytest

from support import ROOT

SOURCE = ROOT / "src" / "tokentrack"
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/architecture.md")
# What each phrase should be instead.
REFUSED = {
    r"(?<!there )\b(is|are) no (?!longer\b|more than\b)": "is not a …, unknown …, invalid …",
    r"(?<!`)\bmend(s|ed|ing)?\b": "fix",
    r"\bby (itself|themselves)\b": "automatically",
    r"\bwhoever\b": "name the component, or use the passive",
    r"\b(no|some|any|every)body\b": "name the component, or use the passive",
    r"\bbesides?\b": "next to, alongside, in addition to",
    r"\bat most so (many|long)\b": "say how many, or name the argument",
    r"\bshall\b": "should, must, will",
    r"\bstood still\b": "kept changing",
    r"\bstands? (there|beside|in)\b": "is, exists, next to",
    r"\b(the|first) documents\b": "say which",
}
ROOMS = sorted({path.name for path in SOURCE.iterdir() if not path.name.startswith("__pyc")})


def texts_of(source):
    """Yield the line and the text of each string and comment; a sentence may span several."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            parts = [p.value if isinstance(p, ast.Constant) else "X" for p in node.values]
            yield node.lineno, "".join(parts)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [(t.start[0], t.string.lstrip("# ")) for t in tokens if t.type == tokenize.COMMENT]
    yield from comments
    # A comment goes on in the next line.
    yield from (
        (line, f"{text} {following}")
        for (line, text), (after, following) in pairwise(comments)
        if after == line + 1
    )


def refused(text):
    """Return each refused phrase of a text, with what to say instead."""
    flat = " ".join(text.split())
    found = []
    for pattern, instead in REFUSED.items():
        found += [f"{m[0]!r}: {instead}" for m in re.finditer(pattern, flat, re.IGNORECASE)]
    return found


def problems_of(path):
    text = path.read_text(encoding="utf-8")
    texts = texts_of(text) if path.suffix == ".py" else enumerate(text.splitlines(), 1)
    name = path.relative_to(ROOT)
    return {f"{name}:{line}: {found}" for line, text in texts for found in refused(text)}


@pytest.mark.parametrize("room", [*ROOMS, "scripts", *PAGES])
def test_a_room_avoids_the_refused_phrases(room):
    path = SOURCE / room if room in ROOMS else ROOT / room
    paths = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    if path.suffix in {".py", ".md", ""}:
        found = sorted(problem for one in paths for problem in problems_of(one))
        assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "bad",
    [
        "this folder is no project",
        "these are no hooks",
        "how to mend it",
        "Backups are made by themselves",
        "whoever holds the lock",
        "nobody measured it",
        "as anybody may",
        "written by somebody else",
        "the usage ledger beside it",
        "besides those of the table",
        "Show at most so many rows",
        "what the hook shall do",
        "its files never stood still",
        "3 rows stand there",
        "the documents promise it",
    ],
)
def test_a_refused_phrase_is_found(bad):
    assert refused(bad)
    assert {line for line, text in texts_of(f'x = f"{{y}} {bad}"') if refused(text)} == {1}
    assert {line for line, text in texts_of(f"y = 1  # {bad}") if refused(text)} == {1}


@pytest.mark.parametrize(
    "good",
    [
        "there is no ledger",
        "it is no longer used",
        "an amendment",
        "called `mend` before",
        "somebody_else",
        "usage_beside",
        "so many that none fits",
    ],
)
def test_a_plain_phrase_is_not_refused(good):
    assert refused(good) == []
