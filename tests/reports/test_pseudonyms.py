"""Pseudonyms: which names get one, and that it takes the key to find a name."""

import hashlib
import hmac

import pytest

from tokentrack.reports.pseudonyms import Pseudonyms

KEY = bytes(range(32))


def test_a_pseudonym_is_the_hmac_of_kind_and_name():
    digits = hmac.new(KEY, b"workspace\0web", hashlib.sha256).hexdigest()
    assert Pseudonyms(KEY).name("workspace", "web") == f"workspace-{digits[:6]}"
    assert Pseudonyms(bytes(32)).name("workspace", "web") != f"workspace-{digits[:6]}"


def test_one_name_differs_by_its_kind():
    names = Pseudonyms(KEY)
    assert names.name("user", "web")[-6:] != names.name("workspace", "web")[-6:]


@pytest.mark.parametrize(("dimension", "value"), [
    ("model", "claude-sonnet-4.5"), ("surface", "v1"), ("failed", True), ("hour", 7),
    ("day", "2026-11-28"), ("workspace", None), ("workspace", ""), ("trigger", "manual"),
    ("credits", "1.5"),
])  # fmt: skip
def test_what_names_nobody_stays(dimension, value):
    assert Pseudonyms(KEY).label(dimension, value) == value


def test_thousands_of_sessions_keep_apart():
    names = Pseudonyms(KEY)
    assert len({names.label("session", f"s-{number}") for number in range(50_000)}) == 50_000


def test_files_of_ours_keep_their_names():
    names = Pseudonyms(KEY)
    archive = names.file("/home/ann/web/.kiro/token_transactions_20260101.csv.gz")
    assert archive.startswith("folder-")
    assert archive.endswith("/token_transactions_20260101.csv.gz")
    assert names.file("/home/ann/acme.csv").startswith("file-")
