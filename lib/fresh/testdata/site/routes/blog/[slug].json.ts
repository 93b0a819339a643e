import { define } from "../../define.ts";

export const handler = define.handlers((ctx) => ctx.json({ slug: ctx.params.slug }));
