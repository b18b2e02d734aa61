"""Blocks that need more than Python: nginx, promtool, curl and jq, Node. `make test-docs`."""
