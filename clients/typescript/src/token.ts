/** How a client shows who it is to a feed that asks for a token. A browser can send it as a subprotocol only. */

const SUBPROTOCOL = "cadfeed";

/** A token, or a function that fetches one, which is called for each connection. */
export type Token = string | (() => string | Promise<string>);

/** The subprotocols to offer: none without a token. White space around it does not count: files end with a new line. */
export function subprotocolsWith(token: string | undefined): string[] {
  return token ? [SUBPROTOCOL, `${SUBPROTOCOL}.token.${token.trim()}`] : [];
}
