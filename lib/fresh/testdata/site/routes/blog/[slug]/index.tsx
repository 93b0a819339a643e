import { define } from "../../../define.ts";

// Async pages are called directly and may answer themselves.
export default define.page(async ({ params, route }) => {
  await Promise.resolve();
  if (params.slug === "old") {
    return new Response(null, { status: 301, headers: { location: "/blog/new" } });
  }
  return <h1>{`Post ${params.slug} of ${route}`}</h1>;
});
