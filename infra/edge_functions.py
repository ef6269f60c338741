"""The code of the CloudFront Functions, each a few lines of JavaScript.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
"""

import json

from infra.security_headers import content_security_policy

HOST = "{host}"


def to_stage(stage_name: str) -> str:
    """On a viewer request: the path by which API Gateway knows its stage. The query string stays."""
    return f"""function handler(event) {{
  event.request.uri = {json.dumps(f"/{stage_name}")};
  return event.request;
}}
"""


def allow_own_socket() -> str:
    """On a viewer response: the page's policy with the address at which it was asked for.

    A response headers policy cannot name it: it would need the distribution's name before there is a distribution.
    """
    policy = json.dumps(content_security_policy(HOST))
    return f"""function handler(event) {{
  const host = event.request.headers.host.value;
  event.response.headers["content-security-policy"] = {{ value: {policy}.replace("{HOST}", host) }};
  return event.response;
}}
"""
