"""Members of the staff: one who may do everything, one who may look, one who may read texts."""

from __future__ import annotations

import pytest

from tests.admin.staff import Staff


@pytest.fixture
def root(transactional_db: None) -> Staff:
    """A superuser."""
    return Staff("root", is_superuser=True)


@pytest.fixture
def operator(transactional_db: None) -> Staff:
    """Sees all pages and may act, and must not see what people wrote."""
    return Staff("olga", permissions=["view", "change", "delete"])


@pytest.fixture
def reader(transactional_db: None) -> Staff:
    """Looks, and sees what people wrote."""
    return Staff("rita", permissions=["view"], view_payload=True)
