"""One folder per Lambda, each a thin handler: parse the event, call `shared`, answer."""
