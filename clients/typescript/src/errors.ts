/** The errors that a program has to handle. */

/** The base of the client's own errors. `code` is for programs: the server's, or one of the client's. */
export class FeedError extends Error {
  override readonly name: string = "FeedError";
  readonly code: string;
  /** Another try may succeed later. */
  readonly retryable: boolean;

  constructor(code: string, message: string, retryable = false) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }
}

/** The server does not accept the subscription. Trying again does not help. */
export class Refused extends FeedError {
  override readonly name = "Refused";
}

/**
 * A request failed. The client's own codes are `no_answer` (connected, but no valid answer came), `disconnected`
 * (without a connection) and `closed` (the feed was closed). If the server refused the subscription, the code is that
 * of the refusal.
 */
export class RequestError extends FeedError {
  override readonly name = "RequestError";
}
