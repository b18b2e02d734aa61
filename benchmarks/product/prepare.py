"""Makes the measured site's database: `python -m benchmarks.product.prepare USERS`.

One user for each socket, with the keys 1 to USERS.
"""

from __future__ import annotations

import sys

import django
from django.core.management import call_command


def main() -> None:
    django.setup()
    from django.contrib.auth.models import User

    call_command("migrate", verbosity=0)
    User.objects.bulk_create(
        User(pk=number, username=f"bench-{number}", password="!")
        for number in range(1, int(sys.argv[1]) + 1)
    )


if __name__ == "__main__":
    main()
