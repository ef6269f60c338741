"""The CloudFront Functions, each a few lines of JavaScript.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
"""

import json

from infra.security_headers import content_security_policy

HOST = "{host}"


def to_stage(stage_name: str) -> str:
    """For a viewer request: sets the path to API Gateway's stage. The query string stays."""
    return f"""function handler(event) {{
  event.request.uri = {json.dumps(f"/{stage_name}")};
  return event.request;
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
