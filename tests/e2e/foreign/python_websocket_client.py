"""Python `websocket-client`, in its callback style: URL CA MESSAGE... It has no compression."""

import sys

from websocket import WebSocketApp

url, ca, *messages = sys.argv[1:]


def on_open(socket: WebSocketApp) -> None:
    for message in messages:
        socket.send(message)


def on_message(_socket: WebSocketApp, frame: str) -> None:
    print(frame, flush=True)


WebSocketApp(url, on_open=on_open, on_message=on_message).run_forever(sslopt={"ca_certs": ca})
