import { define } from "../../../define.ts";

export default define.page(({ params }) => <h1>{`Rest ${params.rest} of ${params.slug}`}</h1>);
