POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'"


def strict_csp(get_response):
    def middleware(request):
        response = get_response(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return middleware
