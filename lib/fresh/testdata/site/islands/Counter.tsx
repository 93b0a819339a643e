import type { Signal } from "@preact/signals";
import { useId } from "preact/hooks";
import { Head } from "fresh/runtime";

export default function Counter({ count, label }: { count: Signal<number>; label: string }) {
  const id = useId();
  return (
    <div class="counter" data-doubled={count.value * 2}>
      <Head>
        <title>{`Count ${count.value}`}</title>
      </Head>
      <label for={id}>{label}</label>
      <output id={id}>{count}</output>
      <button type="button" onClick={() => count.value++}>more</button>
    </div>
  );
}
