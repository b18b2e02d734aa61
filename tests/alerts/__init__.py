"""The runbook, tried: each alert is caused, looked into and ended as docs/operations.md says.

    python -m tests.alerts [alert ...]

It starts a PostgreSQL, a Redis, a Prometheus and two nodes of its own. Prometheus has the
rules of deploy/prometheus/alerts.yml, with seconds for minutes. What stands in an alert's
section of the runbook is typed while the alert fires, and has to show the cause; what it
says to do has to end the alert.
"""
