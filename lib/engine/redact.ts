/** Takes out of an engine's message what a client must not learn: addresses, paths and stack traces of ours. Pure. */

const MESSAGE_CHARS_MAX = 2_000;

const URL_TEXT = /\b[a-z][a-z0-9+]{1,15}:\/\/[^\s"'<>)]+/gi;
const PRIVATE_NAME = /\b(?:[\w-]+\.)+(?:internal|local|lan|svc|cluster|home|corp)\b/gi;

/** Each with what stands in its place. */
const RULES: readonly (readonly [pattern: RegExp, shown: string])[] = [
  [/Traceback \(most recent call last\):[\s\S]*/g, "[trace]"],
  [/^\s*File "[^"\n]*", line \d+.*$/gm, "[trace]"],
  [/<[\w.]+ (?:object )?at 0x[0-9a-f]+>/gi, "[object]"],
  [/\b0x[0-9a-f]{6,16}\b/gi, "[address]"],
  [/\b(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?\b/g, "[address]"],
  [PRIVATE_NAME, "[address]"],
  [/\[[0-9a-f]*:[0-9a-f:.]+\](?::\d{1,5})?/gi, "[address]"],
  [/\b(?:localhost|[\w-]+(?:\.[\w-]+)+):\d{2,5}\b/gi, "[address]"],
  // Two directories deep, but for the API's own paths and what follows a host.
  [/(?<![\w/:.~-])~?\/(?!v[12]\/)(?:[\w.@+-]+\/)+[\w.@+-]*/g, "[path]"],
  [/\b[A-Z]:\\(?:[^\s\\"']+\\)*[^\s\\"']*/g, "[path]"],
];

/** The message, at most 2,000 characters, with places of ours replaced by a word in brackets. */
export function redact(message: string): string {
  const bounded = message.slice(0, MESSAGE_CHARS_MAX);
  const withoutUrls = bounded.replace(URL_TEXT, (url) => isPublic(url) ? url : "[address]");
  return RULES.reduce((text, [pattern, shown]) => text.replace(pattern, shown), withoutUrls);
}

/** A web page by its name is the client's own, echoed; numbers, ports, one-word hosts and other schemes are ours. */
function isPublic(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.port === "" && url.username === "" &&
    /\.[a-z]{2,}$/.test(url.hostname) && !new RegExp(PRIVATE_NAME, "i").test(url.hostname);
}
