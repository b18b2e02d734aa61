"""The pages of the sample site."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache


@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Who is logged in sees notifications come in; everybody else, how to log in."""
    return render(request, "socialhub/home.html")
