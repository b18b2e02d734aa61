"""The sample site in a real browser: `make test-browser`. Not part of `make test`."""
