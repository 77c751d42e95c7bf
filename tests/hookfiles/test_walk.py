"""Folders are walked within bounds, in one order, and never through a link."""

import os

import pytest

from support.ledgers import posix_only
from tokentrack.hookfiles.walk import files_below, hook_paths


@pytest.fixture
def make(tmp_path):
    def make(*paths):
        for path in paths:
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        return tmp_path

    return make


def found_in(folder, **options):
    paths = files_below(str(folder), **options)
    return [os.path.relpath(path, folder).replace(os.sep, "/") for path in paths]


def test_a_folders_own_files_come_before_those_below_it_in_order(make):
    folder = make("z", "b/x", "a/y/z", "a/c", "m")
    assert found_in(folder) == ["m", "z", "a/c", "a/y/z", "b/x"]


def test_the_bounds_are_kept(make):
    folder = make("a", "b", "c", "d/1", "d/e/2", "d/e/f/3")
    assert found_in(folder, most_names=2) == ["a", "b"]
    assert found_in(folder, deepest=1) == ["a", "b", "c", "d/1"]
    assert found_in(folder, deepest=2) == ["a", "b", "c", "d/1", "d/e/2"]


@posix_only
def test_a_linked_folder_is_an_entry_and_not_walked(make):
    folder = make("real/a")
    (folder / "link").symlink_to("real")
    (folder / "loop").symlink_to(".")
    assert found_in(folder) == ["link", "loop", "real/a"]


def test_a_folder_that_can_not_be_listed_is_told(tmp_path):
    refused = []
    assert found_in(tmp_path / "missing", refused=refused) == []
    assert [error.filename for error in refused] == [str(tmp_path / "missing")]
    assert found_in(tmp_path / "missing") == []


def test_hook_files_are_told_by_their_ends(make):
    folder = make("a.json", "b.kiro.hook", "c.hook", "d.txt", "e/f.kiro.hook")
    names = [os.path.basename(path) for path in hook_paths(str(folder))]
    assert names == ["a.json", "b.kiro.hook", "f.kiro.hook"]
