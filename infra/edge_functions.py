"""The CloudFront Functions, each a few lines of JavaScript.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
"""

import json

from infra.security_headers import content_security_policy
from shared.connecting import headers
from shared.documents.answers import Answer, answer_without_document

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


def only_reads() -> str:
    """For a viewer request of a document: answers a method that reads none, as the Lambda would."""
    preflight, refused = (answer_without_document(method) for method in ("OPTIONS", "POST"))
    return f"""function handler(event) {{
  const method = event.request.method;
  if (method === "GET" || method === "HEAD") return event.request;
  return method === "OPTIONS" ? {_response(preflight)} : {_response(refused)};
}}
"""


def _response(answer: Answer | None) -> str:
    """An answer as CloudFront Functions return it."""
    if answer is None:
        raise TypeError("a method that reads a document")
    response: dict[str, object] = {
        "statusCode": answer.status.value,
        "statusDescription": answer.status.phrase,
        "headers": {name.lower(): {"value": value} for name, value in answer.headers.items()},
    }
    if answer.body:
        response["body"] = {"encoding": "text", "data": answer.body.decode()}
    return json.dumps(response)


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
