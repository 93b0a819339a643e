/** How long anybody waits for an answer: until the client leaves, or the gateway stops. */
import { Cancel, type CancelSignal } from "@/lib/kernel/cancel.ts";

/** One signal for the client leaving and for the gateway stopping. */
export function patience(client: CancelSignal, stopping: CancelSignal) {
  const both = new Cancel();
  let left = false;
  const leave = () => {
    left = true;
    both.abort(client.reason);
  };
  const stop = () => both.abort(stopping.reason);
  client.addEventListener("abort", leave);
  stopping.addEventListener("abort", stop);
  if (client.aborted) leave();
  else if (stopping.aborted) stop();
  return {
    signal: both,
    leave,
    gone: () => left,
    forget() {
      client.removeEventListener("abort", leave);
      stopping.removeEventListener("abort", stop);
    },
  };
}
