"""A site that has mounted nothing."""

urlpatterns: list[object] = []
