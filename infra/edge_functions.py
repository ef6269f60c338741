"""The CloudFront Functions, each a few lines of JavaScript.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
"""

import json

from infra.security_headers import content_security_policy
from shared.connecting import headers

HOST = "{host}"


def to_stage(stage_name: str) -> str:
    """For a viewer request: sets the path to API Gateway's stage, and states who asks, and at which name. The query
    string stays.

    CloudFront has the viewer's address from the connection. It replaces what the viewer sent in these headers.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/example-function-add-true-client-ip-header.html
    """
    return f"""function handler(event) {{
  const request = event.request;
  request.headers[{json.dumps(headers.HOST)}] = {{ value: request.headers.host.value }};
  request.headers[{json.dumps(headers.VIEWER)}] = {{ value: event.viewer.ip }};
  request.uri = {json.dumps(f"/{stage_name}")};
  return request;
}}
"""


def allow_own_socket() -> str:
    """For a viewer response: sets the page's policy with the host of the request.

    A response headers policy cannot name the host: it must exist before the distribution, which determines the name.
    """
    policy = json.dumps(content_security_policy(HOST))
    return f"""function handler(event) {{
  const host = event.request.headers.host.value;
  event.response.headers["content-security-policy"] = {{ value: {policy}.replace("{HOST}", host) }};
  return event.response;
}}
"""
