"""The bank under the strictest Content-Security-Policy that lets a site have scripts and styles of its own."""

from tests.rig.wsgi import application as bank

POLICY = ("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'")


def application(environ, start_response):
    def start(status, headers, exc_info=None):
        return start_response(status, [*headers, POLICY], exc_info)

    return bank(environ, start)
