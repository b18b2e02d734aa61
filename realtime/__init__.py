"""The realtime engine: one log of events, and every way to read it live."""
