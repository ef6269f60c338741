"""The headers that the page is served with, by CloudFront and by the local edge alike."""

HASHED = "/assets/"  # below this the names hold a hash of what is in the files, so a name never means anything else
FOR_EVER = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"

HSTS_SECONDS = 365 * 24 * 3600  # CloudFront only: browsers would hold it against every other program on `localhost`

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def content_security_policy(host: str = "") -> str:
    """The page's own files and the feed on its own address, nothing inline, nothing from elsewhere.

    `host` is the page's own: Safari before 15.4 does not take `'self'` to mean `wss:` as well.
    https://developer.mozilla.org/en-US/docs/Web/HTTP/Headers/Content-Security-Policy/connect-src
    """
    socket = f" wss://{host}" if host else ""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'{socket}; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
