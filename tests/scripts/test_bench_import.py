"""scripts/bench_import.py imports a synthetic history, and checks what it measured."""


def test_an_import_is_measured_twice_and_the_second_adds_nothing(runner):
    output, errors = runner.run("bench_import.py", "20")
    head, first, again = output.splitlines()
    assert head.split()[0] == "turns"
    assert [line.split()[:2] for line in (first, again)] == [["20", "first"], ["20", "again"]]
    assert errors == ""
    assert runner.left_behind() == []
