"""The engine in the admin: the log, the nodes, who is connected.

Django's autodiscovery imports this package; each module registers its own pages.
"""

from realtime.admin import connections, events, nodes

__all__ = ["connections", "events", "nodes"]
