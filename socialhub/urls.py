"""URLs of the sample site."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from realtime.views import UnknownView
from socialhub import views
from socialhub.middleware import strict_policy

urlpatterns = [
    path("", views.home, name="home"),
    path(
        "login",
        strict_policy(
            LoginView.as_view(
                template_name="socialhub/login.html", extra_context=views.sign_in_hint()
            )
        ),
        name="login",
    ),
    path("logout", LogoutView.as_view(), name="logout"),
    path("console", views.console, name="console"),
    path("notify-me", views.notify_me, name="notify-me"),
    path("", include("realtime.health")),
    path("api/v1/", include("realtime.urls")),
    path("api/v1/", include("notifications.urls")),
    path("api/v1/", include("messaging.urls")),
    path("api/v1/", include("presence.urls")),
    path("api/v1/", include("socialhub.api_urls")),
    path("api/schema.json", views.json_schema, name="json-schema"),
    path("api/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("api/docs", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="api-docs"),
    re_path(r"^api/", UnknownView.as_view()),
    path("admin/", admin.site.urls),
]
