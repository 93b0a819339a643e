import { HttpError } from "fresh";
import { define } from "../define.ts";

export const handler = define.handlers({
  GET(ctx) {
    const status = ctx.url.searchParams.get("status");
    if (status === "403") throw new HttpError(403, "No <entry>");
    if (status === "404") throw new HttpError(404);
    throw new Error("the secret reason");
  },
});
