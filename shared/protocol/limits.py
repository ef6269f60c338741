"""What a message, a subscription and a frame may hold at most."""

MAX_MESSAGE_BYTES = 4096
MAX_SYMBOLS = 100
MAX_ID_LENGTH = 36
# A message of up to 32 KB is one message to API Gateway, a longer one several.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
MAX_FRAME_BYTES = 32_000
