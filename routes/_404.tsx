/** What is said where nothing is. */
import { Head } from "fresh/runtime";
import { define } from "../lib/site/define.ts";

export default define.page(() => (
  <>
    <Head>
      <title>Nothing here</title>
    </Head>
    <main>
      <h1>Nothing here</h1>
      <p>
        There is no page at this address. <a href="/">Go to the start</a>.
      </p>
    </main>
  </>
));
