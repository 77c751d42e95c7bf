"""The package's imports: no cycles, one direction, and a hook without heavy modules."""

import ast
from functools import cache
from pathlib import Path

import pytest

import tokentrack
from support.hot_path import HEAVY, OWN

PACKAGE = Path(tokentrack.__file__).parent

# From the bottom to the top: a room (a folder, or a module of the root) may import itself and those
# before it. An import for type checkers is an import like any other.
ROOMS = (
    "errors", "common", "store", "workspace", "config", "models", "error_handler", "kiro",
    "recorder", "metadata_collector", "reports", "maintenance", "importing", "usage", "hookfiles",
    "csv_writer", "tracker", "hook", "diagnostics", "cli", "__main__",
)  # fmt: skip


def name_of(path):
    parts = ["tokentrack", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules():
    """Return the syntax tree of each module, when a test needs them: parsing takes a second."""
    return {name_of(path): ast.parse(path.read_bytes()) for path in PACKAGE.rglob("*.py")}


def is_for_types(node):
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def imports(tree, *, everywhere):
    """Yield the dotted names that a module imports.

    Args:
        tree: the module.
        everywhere: whether imports inside functions and for type checkers count too.
    """
    for node in tree.body if isinstance(tree, ast.Module) else ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not everywhere and is_for_types(node):
            continue
        elif everywhere or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imports(node, everywhere=everywhere)


def module_of(name):
    while name and name not in modules():
        name = name.rpartition(".")[0]
    return name


def graph(trees):
    """Return, for each module, the modules of the package that it imports."""
    return {
        name: {module_of(target) for target in imports(tree, everywhere=True)} - {"", name}
        for name, tree in trees.items()
    }


@cache
def the_graph():
    return graph(modules())


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


def room_of(name):
    """Return the room that a module is in; the package itself, with its lazy names, is in none."""
    return name.removeprefix("tokentrack").lstrip(".").partition(".")[0]


def upward(edges):
    """Return each import of a room that comes after the importing module's own."""
    order = {room: number for number, room in enumerate(ROOMS)}
    return sorted(
        f"{name} -> {target}"
        for name, targets in edges.items()
        for target in targets
        if room_of(name) and room_of(target) and order[room_of(name)] < order[room_of(target)]
    )


def test_there_is_no_cycle():
    assert find_cycle(the_graph()) == []


def test_a_cycle_would_be_found():
    knot = {"a": {"b"}, "b": {"c", "d"}, "c": {"b"}, "d": set()}
    assert find_cycle(knot) == ["b", "c"]
    assert find_cycle({"a": {"b"}, "b": set()}) == []


def test_imports_inside_functions_and_for_types_are_seen():
    source = "if TYPE_CHECKING:\n import a\ndef f():\n import b\nimport c"
    tree = ast.parse(source)
    assert list(imports(tree, everywhere=True)) == ["a", "b", "c"]
    assert list(imports(tree, everywhere=False)) == ["c"]


def test_every_room_is_in_the_order():
    assert {room_of(name) for name in modules()} - {""} == set(ROOMS)


def test_imports_point_one_way():
    assert upward(the_graph()) == []


def test_an_import_that_points_up_would_be_found():
    edges = {"tokentrack.store.lock": {"tokentrack.cli.status", "tokentrack.common.fastjson"}}
    assert upward(edges) == ["tokentrack.store.lock -> tokentrack.cli.status"]


def test_the_read_side_never_imports_the_write_side():
    found = {
        f"{name} -> {target}"
        for name, targets in the_graph().items()
        for target in targets
        if room_of(name) == "reports" and room_of(target) == "recorder"
    }
    assert found == set()


@pytest.mark.parametrize("name", sorted(OWN))
def test_a_module_of_the_hook_imports_nothing_heavy(name):
    found = {target.partition(".")[0] for target in imports(modules()[name], everywhere=False)}
    assert found & HEAVY == set()


def test_only_the_lock_knows_filelock():
    users = {name for name, tree in modules().items()
             if any(t.startswith("filelock") for t in imports(tree, everywhere=True))}  # fmt: skip
    assert users == {"tokentrack.store.lock"}


def test_the_hook_needs_no_module_that_is_installed_beside_it():
    for name in OWN:
        found = {target.partition(".")[0] for target in imports(modules()[name], everywhere=True)}
        assert found & {"click", "jsonschema"} == set(), name
