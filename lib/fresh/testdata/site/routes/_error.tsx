import { HttpError } from "fresh";
import { define } from "../define.ts";

export default define.page(({ error }) => (
  <h1>Error {error instanceof HttpError ? `${error.status}: ${error.message}` : "of ours"}</h1>
));
