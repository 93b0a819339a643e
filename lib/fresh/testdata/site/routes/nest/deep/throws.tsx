import { HttpError } from "fresh";
import { define } from "../../../define.ts";

export default define.page(({ url }) => {
  if (url.searchParams.has("lost")) throw new HttpError(404, "nothing here");
  throw new Error("from the page");
});
