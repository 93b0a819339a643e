import { signal } from "@preact/signals";
import Counter from "../islands/Counter.tsx";

export default function Bad() {
  const label = (() => "no") as unknown as string;
  return <Counter count={signal(0)} label={label} />;
}
