"""The headers of the page and of the widget, sent by CloudFront and by the local edge."""

from infra.languages import WIDGET_PATHS

HASHED = "/assets/"  # the files below have a hash of their content in their name, so a name never changes its content
FOR_EVER = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"

HSTS = f"max-age={365 * 24 * 3600}"  # CloudFront only: on `localhost` it would apply to every other program

_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
HEADERS = _EVERYWHERE | {
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Any site may show the widget in a frame, also one that isolates itself from others.
# https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Cross-Origin-Embedder-Policy
WIDGET_HEADERS = _EVERYWHERE | {"Cross-Origin-Resource-Policy": "cross-origin"}
WIDGET_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors *"
)


def headers_of(path: str, host: str = "") -> dict[str, str]:
    """The headers of the file at a path. `host`: see `content_security_policy`."""
    if path in WIDGET_PATHS:
        return WIDGET_HEADERS | {"Content-Security-Policy": WIDGET_POLICY}
    return HEADERS | {"Content-Security-Policy": content_security_policy(host)}


def content_security_policy(host: str = "") -> str:
    """Allows only the page's own files and the feed on its own host, nothing inline and nothing from other hosts.

    `host` is the page's own host: in Safari before 15.4, `'self'` does not include `wss:`.
    https://developer.mozilla.org/en-US/docs/Web/HTTP/Headers/Content-Security-Policy/connect-src
    """
    socket = f" wss://{host}" if host else ""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'{socket}; img-src 'self'; "
        "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
