"""Files are changed through folders that stay open: a folder that is swapped leads nowhere."""

import ctypes
import os
import shutil
import subprocess
import sys
import time

import pytest

from support.ledgers import posix_only
from tokentrack.errors import FileSystemError
from tokentrack.hookfiles import edit_files
from tokentrack.hookfiles.plan import RefusedError, Step

pytestmark = posix_only

HOOK = b'{"version": "v1", "hooks": []}\n'
# Exchanges a folder and a link over and over, each time in one step.
SWAPPER = """
import ctypes, os, sys
one, other = map(os.fsencode, sys.argv[1:])
exchange = ctypes.CDLL(None).renameat2
print("ready", flush=True)
while exchange(-100, one, -100, other, 2) == 0:
    pass
"""
needs_exchange = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not hasattr(ctypes.CDLL(None), "renameat2"),
    reason="two entries can be exchanged on Linux alone",
)
LONGEST = 30


class Scene:
    """A workspace whose folder of hooks is swapped for a link to a folder outside."""

    def __init__(self, folder):
        self.base, self.outside = folder / "workspace", folder / "outside"
        self.kiro = self.base / ".kiro"
        self.path = self.kiro / "hooks" / "tokentrack.json"
        self.path.parent.mkdir(parents=True)
        self.outside.mkdir()
        self.link = self.kiro / "link"
        self.link.symlink_to(self.outside)
        # Reaches the real folder, whatever its name is at the moment.
        self.real = os.open(self.path.parent, os.O_RDONLY)

    def create(self):
        """Return the step that writes the file, which is not there."""
        self._remove()
        return Step("create", str(self.path), "", str(self.base), None, HOOK)

    def remove(self):
        """Return the step that removes the file; outside there is the same one."""
        self._remove()
        descriptor = os.open("tokentrack.json", os.O_WRONLY | os.O_CREAT, dir_fd=self.real)
        os.write(descriptor, HOOK)
        os.close(descriptor)
        (self.outside / "tokentrack.json").write_bytes(HOOK)
        return Step("remove", str(self.path), "", str(self.base), HOOK)

    def _remove(self):
        for name in os.listdir(self.real):
            os.unlink(name, dir_fd=self.real)


@pytest.fixture
def scene(tmp_path):
    scene = Scene(tmp_path)
    yield scene
    os.close(scene.real)


@pytest.fixture
def swapped(scene):
    """The scene, while another process swaps the folder."""
    arguments = [str(scene.path.parent), str(scene.link)]
    process = subprocess.Popen(
        [sys.executable, "-c", SWAPPER, *arguments], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    yield scene
    assert process.poll() is None, "the swapping ended early"
    process.kill()
    process.communicate()


def look_then_do(step):
    """Do a step as it was done once: look at the path, then use it."""
    if edit_files.first_link(step.base, step.path):
        raise FileSystemError("a link")
    if edit_files.read_file(step.path) != step.before:
        raise FileSystemError("changed")
    if step.after is None:
        os.unlink(step.path)
        return
    temporary = f"{step.path}.tmp"
    with open(temporary, "wb") as file:
        file.write(step.after)
    os.replace(temporary, step.path)


def attempts(make, apply, seconds):
    """Yield, for each attempt, whether the step was done."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        step = make()
        try:
            apply(step)
        except (FileSystemError, OSError):
            yield False
        else:
            yield True


@needs_exchange
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["create", "remove"])
def test_a_folder_that_is_swapped_for_a_link_meanwhile_leads_nowhere(swapped, kind):
    outside = HOOK if kind == "remove" else None
    done = set()
    for was_done in attempts(getattr(swapped, kind), edit_files.apply, 3):
        done.add(was_done)
        found = {path.name: path.read_bytes() for path in swapped.outside.iterdir()}
        assert found == ({"tokentrack.json": outside} if outside else {})
    assert done == {True, False}, "the folder was never swapped in time"


@needs_exchange
@pytest.mark.parametrize("kind", ["create", "remove"])
def test_a_look_before_the_write_would_lead_outside(swapped, kind):
    number = 1 if kind == "remove" else 0
    for _ in attempts(getattr(swapped, kind), look_then_do, LONGEST):
        if len(os.listdir(swapped.outside)) != number:
            return
    pytest.fail("nothing was written outside: the test above proves nothing")


@pytest.mark.parametrize("kind", ["create", "remove"])
def test_a_folder_that_is_swapped_after_the_plan_is_refused(scene, kind):
    step = getattr(scene, kind)()
    before = sorted(os.listdir(scene.outside))
    shutil.rmtree(scene.path.parent)
    scene.link.rename(scene.path.parent)
    with pytest.raises(FileSystemError, match=r"hooks is a symbolic link"):
        edit_files.apply(step)
    assert sorted(os.listdir(scene.outside)) == before
    with pytest.raises(edit_files.LinkError, match=r"hooks is a symbolic link"):
        edit_files.read_before_change(str(scene.base), str(scene.path))


def test_a_file_that_has_changed_since_the_plan_is_kept(scene):
    step = scene.remove()
    scene.path.write_bytes(b"mine")
    with pytest.raises(FileSystemError, match="has changed meanwhile"):
        edit_files.apply(step)
    assert scene.path.read_bytes() == b"mine"


def test_a_changed_file_keeps_its_mode_and_a_new_one_has_that_of_the_mask(scene):
    before = os.umask(0o022)
    try:
        edit_files.apply(scene.create())
        assert scene.path.stat().st_mode & 0o777 == 0o644
        scene.path.chmod(0o604)
        update = Step("update", str(scene.path), "", str(scene.base), HOOK, b"{}",
                        f"{scene.path}.orig")  # fmt: skip
        edit_files.apply(update)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in scene.path.parent.iterdir()}
    assert modes == {"tokentrack.json": 0o604, "tokentrack.json.orig": 0o604}


def test_new_folders_have_the_mode_of_the_mask(scene):
    before = os.umask(0o022)
    try:
        path = str(scene.base / ".kiro" / "new" / "file")
        edit_files.apply(Step("create", path, "", str(scene.base), None, HOOK))
    finally:
        os.umask(before)
    assert (scene.base / ".kiro" / "new").stat().st_mode & 0o777 == 0o755


def test_what_is_not_a_file_is_refused(scene):
    os.mkfifo(scene.path)
    with pytest.raises(RefusedError, match="not a regular file"):
        edit_files.read_before_change(str(scene.base), str(scene.path))
    with pytest.raises(RefusedError, match="not a regular file"):
        edit_files.read_file(str(scene.path))
