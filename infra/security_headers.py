"""The headers of the page, sent by CloudFront and by the local edge."""

HASHED = "/assets/"  # the files below have a hash of their content in their name, so a name never changes its content
FOR_EVER = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"

HSTS = f"max-age={365 * 24 * 3600}"  # CloudFront only: on `localhost` it would apply to every other program

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def content_security_policy(host: str = "") -> str:
    """Allows only the page's own files and the feed on its own host, nothing inline and nothing from other hosts.

    `host` is the page's own host: in Safari before 15.4, `'self'` does not include `wss:`.
    https://developer.mozilla.org/en-US/docs/Web/HTTP/Headers/Content-Security-Policy/connect-src
    """
    socket = f" wss://{host}" if host else ""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'{socket}; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
