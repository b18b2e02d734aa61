"""Somebody else's site, into which the wheel is put by docs/integration.md, line by line.

    make test-monolith

`site/` is what that team had before. It takes redis-server, Chromium, and
pip's index.
"""
