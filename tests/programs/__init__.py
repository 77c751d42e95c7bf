"""Programs that tests and `scripts/torture` start: each prints one JSON document.

They run from the folder of the tests, as `python -m programs.NAME`.
"""
