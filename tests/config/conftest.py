"""The sources of a configuration, for all tests of this folder."""

import json

import pytest

from tokentrack.config.sources import ignored_values, load_config

NAME = "token_tracker_config.json"


@pytest.fixture
def sources(tmp_path):
    """Return a function that writes the sources given and loads what is in force."""
    root, user = tmp_path / "ws", tmp_path / "user"
    (root / ".kiro" / "hooks").mkdir(parents=True)
    user.mkdir()

    environ = {"HOME": str(tmp_path)}

    def load(arguments=None, environment=None, workspace=None, hook=None, user_file=None):
        files = {
            root / ".kiro" / NAME: workspace,
            root / ".kiro" / "hooks" / "token-tracking.kiro.hook": hook and {"configuration": hook},
            user / NAME: user_file,
        }
        for path, data in files.items():
            if data is not None:
                path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
        return load_config(str(root), str(user), {**environ, **(environment or {})}, arguments)

    load.ignored = lambda: ignored_values(str(root), str(user), environ)
    load.files = [root / ".kiro" / NAME, root / ".kiro" / "hooks" / "token-tracking.kiro.hook"]
    load.environ = environ
    return load
