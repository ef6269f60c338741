/** The texts of a part of the page that asks the feed: what failed, and what to do. */

import type { State } from "cadfeed-client";
import { RequestError } from "cadfeed-client";

/** A part in the middle of a sentence, and what the feed reads for it. */
export interface Part {
  readonly name: string;
  readonly reads: string;
}

/** Why the part has nothing to show, and what to do. `again`: trying again may help. */
export function failureText(error: unknown, { name, reads }: Part): { text: string; again: boolean } {
  if (!(error instanceof RequestError)) {
    return {
      text: t`The ${name} could not be loaded. Check your network and try again, or reload the page.`,
      again: true,
    };
  }
  switch (error.code) {
    case "disconnected":
      return {
        text: t`There is no connection to the feed. The ${name} loads by itself when it is back.`,
        again: true,
      };
    case "no_answer":
      return { text: t`The feed did not answer in time. Try again.`, again: true };
    case "rate_limited":
      return { text: t`Too many requests in a short time. Wait a few seconds, then try again.`, again: true };
    case "unavailable":
      return { text: t`The feed cannot read its ${reads} now. Try again in a minute.`, again: true };
    case "closed":
      return { text: t`The feed is closed. Reload the page.`, again: false };
    default:
      return { text: t`The feed refused to answer: ${error.message}.`, again: error.retryable };
  }
}

/** The state of the connection; empty while it works. */
export function linkText({ link }: State, { name }: Part): string {
  switch (link) {
    case "live":
      return "";
    case "closed":
      return t`The feed is closed: the ${name} is no longer updated.`;
    default:
      return t`No connection to the feed: the ${name} is not updated until it is back.`;
  }
}
