/** A URL taken apart once: each getter of `URL` makes its text anew, and every request asks five. */

/** What an exchange needs of its URL. */
export type UrlParts = {
  /** Names the pool of connections. */
  readonly origin: string;
  readonly host: string;
  /** Path and query, as the request line has them. */
  readonly target: string;
  /** Why nothing can be sent there; null: it can. */
  readonly problem: string | null;
};

const PARTS = new WeakMap<URL, UrlParts>();

/** The parts of a URL that is not changed any more. All of them are ASCII. Source: WHATWG URL §4.5. */
export function partsOf(url: URL): UrlParts {
  const known = PARTS.get(url);
  if (known !== undefined) return known;
  const { origin, host, pathname, search } = url;
  const parts = { origin, host, target: pathname + search, problem: problemOf(url) };
  PARTS.set(url, parts);
  return parts;
}

function problemOf({ protocol, username, password }: URL): string | null {
  if (protocol !== "http:" && protocol !== "https:") {
    return `Cannot send to a ${protocol} URL: give http or https`;
  }
  return username !== "" || password !== ""
    ? "Cannot send credentials in a URL: give an authorization header"
    : null;
}
