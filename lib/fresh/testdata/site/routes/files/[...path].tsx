import { define } from "../../define.ts";

export default define.page(({ params }) => <h1>File ({params.path})</h1>);
