"""The limits of a message, a subscription and a frame."""

MAX_MESSAGE_BYTES = 4096
MAX_SYMBOLS = 100
MAX_ID_LENGTH = 36
# API Gateway bills a message of up to 32 KB as one message and a longer one as several.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
MAX_FRAME_BYTES = 32_000
MAX_TRENDS_FRAME_BYTES = 8_000
