import { page } from "fresh";
import { define } from "../../define.ts";

export const handler = define.handlers({
  GET(ctx) {
    return page({ items: ctx.url.searchParams.getAll("item") }, {
      headers: { "x-items": "yes" },
    });
  },
  async POST(ctx) {
    const form = await ctx.req.formData();
    if (form.get("item") === null) return page({ items: ["(none)"] }, { status: 422 });
    return ctx.redirect("/cart", 303);
  },
});

export default define.page<typeof handler>(({ data }) => (
  <ul>{data.items.map((item) => <li key={item}>{item.toUpperCase()}</li>)}</ul>
));
