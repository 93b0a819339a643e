import { signal } from "@preact/signals";
import { Head } from "fresh/runtime";
import Counter from "../../islands/Counter.tsx";
import { define } from "../../define.ts";

export default define.page(({ params, isPartial }) => (
  <>
    <Head>
      <title>{`Partial ${params.page}`}</title>
    </Head>
    <h1>{params.page}</h1>
    <p class="how">{isPartial ? "swapped" : "loaded"}</p>
    <a href="/partials/two">two</a>
    {params.page === "two" ? <Counter count={signal(20)} label="two" /> : null}
  </>
));
