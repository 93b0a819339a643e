/** What is said when a page failed. */
import { Head } from "fresh/runtime";
import { define } from "../lib/site/define.ts";

export default define.page(() => (
  <>
    <Head>
      <title>Something failed</title>
    </Head>
    <main>
      <h1>Something failed</h1>
      <p>The page could not be made. The log says why; trying again may help.</p>
    </main>
  </>
));
