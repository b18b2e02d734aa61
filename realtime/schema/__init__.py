"""The published schemas: files that other languages and tools generate code from.

Everything in them comes from the Structs that encode and decode the frames, by
way of `realtime.frame_types`; nothing is written down twice. `manage.py
export_schema` writes the files.
"""
