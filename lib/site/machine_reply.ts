/** Answers for programs: text with a type, an ETag of its content, and 304 for who has it already. */
import { sha256Hex } from "@/lib/kernel/ids.ts";

const ETAG_CHARS = 24;

export type MachineText = {
  readonly text: string;
  readonly type: string;
  /** How long a cache may keep it without asking. */
  readonly freshS: number;
};

/** 200 with the text, or 304 when `request` names the same content (RFC 9110, If-None-Match). */
export function machineReply(request: Request, { text, type, freshS }: MachineText): Response {
  const etag = `"${sha256Hex(text).slice(0, ETAG_CHARS)}"`;
  const headers = {
    "content-type": type,
    etag,
    "cache-control": `public, max-age=${freshS}`,
  };
  return sameTag(request.headers.get("if-none-match"), etag)
    ? new Response(null, { status: 304, headers })
    : new Response(text, { headers });
}

/** Compared weakly: a proxy that compresses may have marked the tag. */
function sameTag(given: string | null, etag: string): boolean {
  return given !== null &&
    given.split(",").some((tag) => tag.trim() === "*" || tag.trim().replace(/^W\//, "") === etag);
}
