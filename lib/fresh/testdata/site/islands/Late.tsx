import { asset, IS_BROWSER } from "fresh/runtime";

export const when = "visible";

export function Late() {
  return (
    <p class="late">
      <img src={asset("/img/dot.svg")} alt="" />
      {IS_BROWSER ? "awake" : "asleep"}
    </p>
  );
}
