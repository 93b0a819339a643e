import { Head } from "fresh/runtime";
import { define } from "../define.ts";

const says = 'Says "hello" <once>';

export default define.page(() => (
  <>
    <Head>
      <title>Home &amp; away</title>
      <meta name="description" content={says} />
      <meta property="og:title" content="Home" />
      <link rel="canonical" href="https://example.test/" />
      <meta id="color" name="theme-color" content="black" />
    </Head>
    <h1>Home</h1>
  </>
));
