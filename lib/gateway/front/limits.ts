/** How long and how much the front waits for a client. */

/** A head must be whole this long after its first byte, a body may pause no longer than this. */
export const HEAD_MS_MAX = 15_000;
export const BODY_PAUSE_MS_MAX = 30_000;
/** An idle connection is kept for this long. */
export const IDLE_MS_MAX = 75_000;
/** A client that takes nothing of its answer for this long has left. */
export const UNREAD_MS_MAX = 120_000;
/** After the last answer, the client has this long to close first, so that no reset overtakes it. */
export const LINGER_MS = 2_000;
/** What a client may send ahead of its turn; past it, the connection serves no further request. */
export const EARLY_BYTES_MAX = 65_536;
/** How many times a head that trickles in is looked at. */
export const LOOKS_MAX = 256;
/** A request up to this size is made text at once, head and body: it seldom comes in more than one piece. */
export const TEXT_BYTES_MAX = 8_192;
