"""The sink's answer to each connection id, as ready-made HTTP responses.

A word anywhere in the id selects the answer. Followed by a `1` (`busy1`, `cut1`) it applies only to the id's first
post; later posts succeed. The statuses are those of the service:
https://docs.aws.amazon.com/apigatewaymanagementapi/latest/api/API_PostToConnection.html
A DELETE, which ends a connection, is answered with 204, and each later request with 410.
https://docs.aws.amazon.com/apigatewaymanagementapi/latest/api/API_DeleteConnection.html
"""

import re

STATUS_OF_WORD = {"gone": 410, "busy": 429, "fail": 503, "big": 413, "denied": 403}
# Never answered; cut in the middle of the answer's body; cut in the middle of its first line; reset by a TCP RST
WORDS_WITHOUT_A_STATUS = ("slow", "cut", "torn", "reset")
WORD = re.compile(f"({'|'.join([*STATUS_OF_WORD, *WORDS_WITHOUT_A_STATUS])})(1?)".encode())

_BODIES = {
    400: ("BadRequestException", "Bad Request"),
    403: ("ForbiddenException", "Forbidden"),
    404: ("NotFoundException", "Not Found"),
    410: ("GoneException", "Gone"),
    413: ("PayloadTooLargeException", "Payload Too Large"),
    429: ("LimitExceededException", "Too Many Requests"),
    503: ("ServiceUnavailableException", "Service Unavailable"),
}


def _response(status: int) -> bytes:
    error, reason = _BODIES.get(status, ("", "No Content" if status == 204 else "OK"))
    body = f'{{"message":"{reason}","connectionId":"-","requestId":"-"}}' if error else ""
    lines = [
        f"HTTP/1.1 {status} {reason}",
        "Date: Sun, 01 Jan 2023 00:00:00 GMT",  # no client reads it; only its length matters
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: keep-alive",
        "x-amzn-RequestId: 0b6a1f2e-5b3c-4f0e-9a52-7d1c1f1b6a11",
        *([f"x-amzn-ErrorType: {error}"] if error else []),
        "x-amz-apigw-id: L0SM9cOFvHcCIhw=",
    ]
    return "\r\n".join([*lines, "", body]).encode()


RESPONSES = {status: _response(status) for status in (200, 204, *_BODIES)}
CUT = RESPONSES[410][:-5].replace(b" 410 Gone", b" 200 OK")
TORN = RESPONSES[200][:10]
