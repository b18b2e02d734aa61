"""Every code block of the documentation is run, by the tests of its kind.

`test_accounted` has the kinds. A comment above a block, `<!-- not run: why -->`, leaves it
out. What needs more than Python is in `tools/`: `make test-docs`.
"""
