"""The one way to clients: posts to the connections of the WebSocket API.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from shared.gateway.gateway import Gateway, open_answers, open_gateway
from shared.gateway.outcomes import Gone, Posted, PostFailed

__all__ = ["Gateway", "Gone", "PostFailed", "Posted", "open_answers", "open_gateway"]
