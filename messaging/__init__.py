"""Direct messages: conversations of two people or a group, typing, read receipts."""
