/** The picture of a page for link previews; only pages there are have one. */
import { HttpError } from "fresh";
import { define } from "../../lib/site/define.ts";
import { ogSvg } from "../../lib/site/og_card.ts";
import { ogImagePath } from "../../lib/site/og_path.ts";
import { listedPages } from "../../lib/site/pages.ts";

export const handler = define.handlers({
  async GET({ url, state }) {
    const page = listedPages(state).find(({ path }) => ogImagePath(path) === url.pathname);
    if (page === undefined) throw new HttpError(404);
    const { name, origin, ogImages } = state;
    const { title, group } = page;
    const png = await ogImages.png(
      page.path,
      () => ogSvg({ name, group, title, host: new URL(origin).host }),
    );
    if (png === null) return new Response(null, { status: 503, headers: { "retry-after": "5" } });
    return new Response(png, {
      headers: { "content-type": "image/png", "cache-control": "public, max-age=86400" },
    });
  },
});
