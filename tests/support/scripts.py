"""The programs in scripts/, as modules."""

import importlib.util
import sys

from support import SCRIPTS


def load(name):
    """Return a script as a module; like when it runs, it finds the scripts next to it."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(SCRIPTS))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SCRIPTS))
    return module
