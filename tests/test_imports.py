"""The package's imports: no cycles, one direction, and a hook without heavy modules."""

import ast
from pathlib import Path

import pytest

import tokentrack
from test_hot_path import OWN

PACKAGE = Path(tokentrack.__file__).parent

# From the bottom to the top: a module may import its own layer and those before it. An entry
# stands for the modules of its name and below it.
LAYERS = {
    "basics": "errors timestamps fastjson estimate reported prompts slots windows redaction "
              "redaction_rules resources formatting workspace filters faults",
    "store": "store",
    "models": "models",
    "sources": "config_sources event_fields events payload payload_salvage log pricing "
               "error_handler error_policy collectors metadata_collector kiro export",
    "executions": "execution_records execution_state pending_notes executions spooled rescue "
                  "ledger_rows "
                  "ledger_summary usage transactions recording statistics exporting rows journal "
                  "draining turn reconcile",
    "recorder": "recorder",
    "services": "maintenance backups selftest hookfiles csv_writer api_place "
                "reconciling importing",
    "tracker": "tracker",
    "commands": "hook_run status hook hook_configuration hook_selftest doctor "
                "credit_totals",
    "doors": "cli __main__",
}  # fmt: skip
ORDER = list(LAYERS)
HEAVY = {
    "argparse", "asyncio", "click", "collections", "contextlib", "csv", "ctypes", "dataclasses",
    "datetime", "enum", "filelock", "functools", "hashlib", "importlib", "inspect", "json",
    "jsonschema", "logging", "pathlib", "random", "re", "secrets", "shutil", "socket", "sqlite3",
    "subprocess", "tempfile", "threading", "typing", "unicodedata", "uuid",
}  # fmt: skip


def name_of(path):
    parts = ["tokentrack", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): ast.parse(path.read_bytes()) for path in PACKAGE.rglob("*.py")}


def is_for_types(node):
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def imports(tree, *, everywhere):
    """Yield the dotted names that a module imports, those of type checkers left out.

    Args:
        tree: the module.
        everywhere: whether imports inside functions count too.
    """
    for node in tree.body if isinstance(tree, ast.Module) else ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif is_for_types(node):
            for other in node.orelse:
                yield from imports(other, everywhere=everywhere)
        elif everywhere or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imports(node, everywhere=everywhere)


def module_of(name):
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name


def graph(modules):
    """Return, for each module, the modules of the package that it imports."""
    return {
        name: {module_of(target) for target in imports(tree, everywhere=True)} - {"", name}
        for name, tree in modules.items()
    }


GRAPH = graph(MODULES)


def find_cycle(edges):
    """Return the modules of a cycle, [] when there is none."""
    left = {name: set(targets) & set(edges) for name, targets in edges.items()}
    while True:
        free = [name for name, targets in left.items() if not targets]
        if not free:
            break
        for name in free:
            del left[name]
        left = {name: targets - set(free) for name, targets in left.items()}
    path = []
    name = min(left, default="")
    while name and name not in path:
        path.append(name)
        name = min(left[name])
    return path[path.index(name) :] if path else []


def layer_of(name):
    inner = name.removeprefix("tokentrack.")
    for layer, members in LAYERS.items():
        if any(inner == member or inner.startswith(f"{member}.") for member in members.split()):
            return layer
    return "" if inner != "tokentrack" else ORDER[0]


def test_there_is_no_cycle():
    assert find_cycle(GRAPH) == []


def test_a_cycle_would_be_found():
    knot = {"a": {"b"}, "b": {"c", "d"}, "c": {"b"}, "d": set()}
    assert find_cycle(knot) == ["b", "c"]
    assert find_cycle({"a": {"b"}, "b": set()}) == []


def test_an_import_inside_a_function_counts_and_one_for_types_does_not():
    source = "TYPE_CHECKING = False\nif TYPE_CHECKING:\n import a\ndef f():\n import b\nimport c"
    tree = ast.parse(source)
    assert list(imports(tree, everywhere=True)) == ["b", "c"]
    assert list(imports(tree, everywhere=False)) == ["c"]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_has_a_layer_and_imports_none_above_it(name):
    layer = layer_of(name)
    assert layer, "name the module in LAYERS"
    above = ORDER[ORDER.index(layer) + 1 :]
    found = {target: layer_of(target) for target in GRAPH[name]}
    assert {target for target, other in found.items() if other in above} == set()


@pytest.mark.parametrize("name", sorted(OWN))
def test_a_module_of_the_hook_imports_nothing_heavy(name):
    found = {target.partition(".")[0] for target in imports(MODULES[name], everywhere=False)}
    assert found & HEAVY == set()


def test_only_the_lock_knows_filelock():
    users = {name for name, tree in MODULES.items()
             if any(t.startswith("filelock") for t in imports(tree, everywhere=True))}  # fmt: skip
    assert users == {"tokentrack.store.lock"}


def test_the_hook_needs_no_module_that_is_installed_beside_it():
    for name in OWN:
        found = {target.partition(".")[0] for target in imports(MODULES[name], everywhere=True)}
        assert found & {"click", "jsonschema"} == set(), name
