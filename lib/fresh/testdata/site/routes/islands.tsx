import { signal } from "@preact/signals";
import Counter from "../islands/Counter.tsx";
import Fold from "../islands/Fold.tsx";
import { Late } from "../islands/Late.tsx";
import Props from "../islands/Props.tsx";
import Near from "./nest/(_islands)/Near.tsx";
import { define } from "../define.ts";

export default define.page(() => {
  const shared = signal(3);
  return (
    <>
      <Counter count={shared} label="one" />
      <Counter count={shared} label="two" />
      <Props
        at={new Date(0)}
        big={12345678901234567890n}
        list={new Map([["a", [1, 2]]])}
        text="</script><!--<script>"
      />
      <Fold
        title={
          <em>
            Title <Near />
          </em>
        }
      >
        <Counter count={signal(10)} label="inside" />
      </Fold>
      <div class="tall" />
      <Late />
    </>
  );
});
