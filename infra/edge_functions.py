"""The CloudFront Functions, each a few lines of JavaScript.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
"""

import json
from collections.abc import Mapping

from infra.languages import ENGLISH, FIELD, FILES, KNOWN, WIDGET, WIDGET_PATHS
from infra.security_headers import HSTS, headers_of
from shared.connecting import headers
from shared.documents.answers import Answer, answer_without_document
from shared.documents.problems import MOST_CHARACTERS
from shared.documents.queries import ENCODED, FIELD_MARK, TAKEN

HOST = "{host}"
MOST_AGENT_CHARACTERS = 256  # in a line of the access log with each message; that of a browser has about 120


def to_stage(stage_name: str) -> str:
    """For a viewer request: sets the path to API Gateway's stage, states who asks, and at which name, and cuts a long
    user agent. The query string stays.

    CloudFront has the viewer's address from the connection. It replaces what the viewer sent in these headers.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/example-function-add-true-client-ip-header.html
    """
    return f"""function handler(event) {{
  const request = event.request;
  request.headers[{json.dumps(headers.HOST)}] = {{ value: request.headers.host.value }};
  request.headers[{json.dumps(headers.VIEWER)}] = {{ value: event.viewer.ip }};
  const agent = request.headers["user-agent"];
  if (agent) agent.value = agent.value.slice(0, {MOST_AGENT_CHARACTERS});
  request.uri = {json.dumps(f"/{stage_name}")};
  return request;
}}
"""


def to_document() -> str:
    """For a viewer request of a document: answers a request that reads none, as the Lambda would, and puts the fields
    of the query that the path takes into it, as `folded` does.

    The runtime knows no `for (... of ...)`.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-javascript-runtime-20.html
    """
    preflight, refused = (answer_without_document(method) for method in ("OPTIONS", "POST"))
    too_long = answer_without_document("GET", MOST_CHARACTERS + 1)
    taken = json.dumps([[start, names] for start, names in TAKEN.items()])
    return f"""function handler(event) {{
  const request = event.request;
  if (request.method === "OPTIONS") return {_response(preflight)};
  if (request.method !== "GET" && request.method !== "HEAD") return {_response(refused)};
  const fields = request.querystring;
  const taken = {taken}.filter((each) => request.uri.indexOf(each[0]) === 0);
  if (taken.length) taken[0][1].forEach((name) => {{
    Object.keys(fields).filter((each) => decoded(each) === name).forEach((each) => {{
      (fields[each].multiValue || [fields[each]]).forEach((field) => {{
        request.uri += {json.dumps(FIELD_MARK)} + name + "=" + field.value.replace(/{ENCODED}/g, encoded);
      }});
    }});
  }});
  if (request.uri.length > {MOST_CHARACTERS}) return {_response(too_long)};
  request.querystring = {{}};
  return request;
}}
function decoded(name) {{
  try {{
    return decodeURIComponent(name.replace(/[+]/g, " "));
  }} catch (error) {{
    return name;
  }}
}}
function encoded(text) {{
  return encodeURIComponent(text).replace(/~/g, "%7E").replace(/%/g, "~");
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


def to_file() -> str:
    """For a viewer request of the page or the widget: sets the path to the file in the reader's language, as `file_at`
    does."""
    return f"""function handler(event) {{
  const request = event.request;
  const files = {json.dumps(FILES)}[request.uri];
  const asked = request.querystring.{FIELD} || request.cookies.{FIELD};
  const accepted = request.headers["accept-language"];
  const found = /{KNOWN}/i.exec(asked ? asked.value : "") || /{KNOWN}/i.exec(accepted ? accepted.value : "");
  if (files) request.uri = files[found ? found[1].toLowerCase() : "{ENGLISH}"];
  return request;
}}
"""


def with_headers() -> str:
    """For a viewer response of the page or the widget: sets its headers, and the page's policy with the request's host.

    A response headers policy of our own cannot name the host, and the small pricing plans have none. CloudFront's own
    policy says X-Frame-Options: a browser ignores that where a policy has `frame-ancestors`.
    https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/X-Frame-Options
    """
    page, widget = (_set({**headers_of(path, HOST), "Strict-Transport-Security": HSTS}) for path in ("/", WIDGET))
    return f"""function handler(event) {{
  const headers = event.response.headers;
  if ({json.dumps(WIDGET_PATHS)}.indexOf(event.request.uri) >= 0) {{
    delete headers["x-frame-options"];
    Object.assign(headers, {widget});
    return event.response;
  }}
  Object.assign(headers, {page});
  const policy = headers["content-security-policy"];
  policy.value = policy.value.replace("{HOST}", event.request.headers.host.value);
  return event.response;
}}
"""


def _set(values: Mapping[str, str]) -> str:
    """Headers as CloudFront Functions have them."""
    return json.dumps({name.lower(): {"value": value} for name, value in values.items()})
