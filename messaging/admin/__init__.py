"""Conversations and messages in the admin, to look at only.

Django's autodiscovery imports this package; each module registers its own pages.
"""

from messaging.admin import conversations, messages

__all__ = ["conversations", "messages"]
