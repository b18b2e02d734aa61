from blog import views
from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.contrib.staticfiles.views import serve
from django.urls import path

urlpatterns = [
    path("backoffice/", admin.site.urls),
    path("login/", LoginView.as_view(template_name="blog/login.html")),
    path("static/<path:path>", serve, {"insecure": True}),
    path("", views.page),
    path("posts/", views.write_post),
    path("posts/<int:pk>/comments/", views.write_comment),
]
