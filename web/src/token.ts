/** The token in the page's address, for a feed that asks for one. */

/**
 * The token after `#token=`, which is then removed from the address bar and the history. A browser sends nothing after
 * `#` to any server, so no log has it. A text with other characters is left out: the feed's client would throw.
 */
export function takeToken(): string | undefined {
  const token = new URLSearchParams(location.hash.slice(1)).get("token")?.trim();
  if (token) history.replaceState(null, "", location.pathname + location.search);
  return token && /^[\w.-]+$/.test(token) ? token : undefined;
}
