"""The sdist is complete, and the wheel built from it works in a clean environment."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile

import pytest

from support import ROOT
from support.kiro import Machine
from tokentrack import __version__

pytestmark = pytest.mark.slow

STEM = f"kiro_tokentrack-{__version__}"
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md",
         *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]  # fmt: skip
# Single files that the tests, the checks and the build read.
NEEDED = ["LICENSE", "pyproject.toml", "scripts/environment.sh", ".ci/run",
          ".pre-commit-config.yaml", ".pre-commit-hooks.yaml"]  # fmt: skip


def build(source, target, kind):
    """Build an sdist or a wheel of a source tree without a network; return the file."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (made,) = (path for path in target.iterdir() if path.suffix in {".gz", ".whl"})
    return made


def broken_links(page, text, names):
    """Return the relative links of a page that lead to no file in the sdist."""
    folder = os.path.dirname(page)
    paths = [os.path.normpath(os.path.join(folder, link)) for link in LINK.findall(text)]
    return [path for path in paths if path not in names]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return build(ROOT, tmp_path_factory.mktemp("sdist"), "sdist")


@pytest.fixture(scope="module")
def names(sdist):
    """Return the paths of the files in the sdist."""
    with tarfile.open(sdist) as archive:
        assert {member.name.split("/")[0] for member in archive} == {STEM}
        return {member.name.removeprefix(f"{STEM}/") for member in archive if member.isfile()}


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """Build the wheel from the sdist, which must have all that this needs."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return build(folder / STEM, tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Install the wheel into a clean environment; return the environment's folder of programs."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    subprocess.run([*pip, "--quiet", "--no-index", "--no-deps", str(wheel)], check=True)
    # The dependencies come from this environment, after what is installed above.
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text("\n".join(p for p in sys.path if "site-packages" in p))
    return folder / "bin"


def test_the_files_are_named_like_the_distribution(sdist, wheel):
    assert sdist.name == f"{STEM}.tar.gz"
    assert wheel.name == f"{STEM}-py3-none-any.whl"


def test_the_sdist_has_what_building_and_testing_need(names):
    folders = ("src", "tests", "docs", "scripts", "hooks", "schemas")
    kept = {path.relative_to(ROOT).as_posix() for folder in folders
            for path in (ROOT / folder).rglob("*") if path.is_file()}  # fmt: skip
    kept = {name for name in kept if "__pycache__" not in name}
    assert [*sorted(kept - names), *(name for name in NEEDED if name not in names)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_links_to_is_in_the_sdist(page, names):
    assert broken_links(page, (ROOT / page).read_text("utf-8"), names) == []


def test_a_link_to_a_file_that_is_missing_is_found():
    text = "[a](api.md), [b](../GONE.md#part), [c](https://kiro.dev), [d](#here)"
    assert broken_links("docs/x.md", text, {"docs/api.md"}) == ["GONE.md"]


def test_the_wheel_has_the_package_its_data_and_no_more(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(f"{STEM}.dist-info/METADATA").decode()
    assert {name.split("/")[0] for name in names} == {"tokentrack", f"{STEM}.dist-info"}
    data = {f"tokentrack/_data/{folder}/{path.name}" for folder in ("hooks", "schemas")
            for path in (ROOT / folder).iterdir()}  # fmt: skip
    assert data | {"tokentrack/py.typed"} <= set(names)
    assert "\nName: kiro-tokentrack\n" in metadata
    assert "\nProject-URL: Homepage, https://" in metadata


def test_the_installed_wheel_installs_a_hook_and_records_a_turn(installed, tmp_path):
    machine = Machine(tmp_path)
    machine.command = [str(installed / "tokentrack")]

    def tokentrack(*words):
        return subprocess.check_output(
            [*machine.command, *words], cwd=machine.root, env=machine.environment, text=True
        )

    assert tokentrack("--version") == f"tokentrack, version {__version__}\n"
    tokentrack("init", "--surface", "v1")
    machine.send("Stop")
    assert machine.row()["session_id"] == "s1"
    assert json.loads(tokentrack("status", "--json"))["ledger"]["rows"] == 1
    where = "import tokentrack; print(tokentrack.__file__)"
    shown = subprocess.check_output([installed / "python", "-c", where], text=True)
    assert shown.startswith(str(installed.parent)), "what is tested is what was installed"


def test_the_installed_metadata_is_found_by_the_distributions_name(installed):
    (site,) = installed.parent.glob("lib/python*/site-packages")
    (found,) = importlib.metadata.distributions(name="kiro-tokentrack", path=[str(site)])
    assert found.version == __version__
    (script,) = found.entry_points.select(group="console_scripts")
    assert (script.name, script.value) == ("tokentrack", "tokentrack.__main__:main")
