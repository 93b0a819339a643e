/** One file of a publication: never changed, gone after some hours. */
import { HttpError } from "fresh";
import { define } from "../../../../lib/site/define.ts";

const TYPES: Readonly<Record<string, string>> = {
  csv: "text/csv; charset=utf-8; header=present",
  json: "application/json; charset=utf-8",
  sql: "text/plain; charset=utf-8",
};
/** Shorter than a publication is kept. */
const FRESH_S = 3_600;

export const handler = define.handlers({
  async GET({ req, params: { publication = "", file = "" }, state }) {
    const etag = `"${publication}/${file}"`;
    const headers = new Headers({
      "content-type": TYPES[file.split(".").at(-1) ?? ""] ?? "text/plain; charset=utf-8",
      etag,
      "cache-control": `public, max-age=${FRESH_S}, immutable`,
      "access-control-allow-origin": "*",
      vary: "accept-encoding",
    });
    const tags = (req.headers.get("if-none-match") ?? "").split(",");
    const zipped = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(
      req.headers.get("accept-encoding") ?? "",
    );
    const body = await state.publications.open(publication, file, zipped);
    if (body === null) throw new HttpError(404, "There is no such file, or no longer");
    if (tags.some((tag) => tag.trim().replace(/^W\//, "") === etag)) {
      await body.cancel();
      return new Response(null, { status: 304, headers });
    }
    if (zipped) headers.set("content-encoding", "gzip");
    return new Response(body, { headers });
  },
});
