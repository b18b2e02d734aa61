"""What `manage.py doctor` looks at, and what it finds."""
