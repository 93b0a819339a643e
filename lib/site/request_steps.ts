/** One request in words, step by step: the text beside the drawing of `/how-it-works`. */

export type Step = { readonly title: string; readonly about: string };

/** `capS`: this deployment's wake budget in seconds. */
export function requestSteps({ capS }: { capS: number }): readonly Step[] {
  return [
    {
      title: "Admit",
      about:
        "The key is checked in memory, the body is parsed once, the lineup names the tiers that may serve. A refusal here is answered at once, is never forwarded, and has no usage row.",
    },
    {
      title: "Find a machine",
      about:
        "A ready machine of the best tier serves: the one that knows the session, else the least busy. While the best tier wakes, a warm one further down may serve, if the tier's policy allows.",
    },
    {
      title: "Or wait for one",
      about:
        `A request never starts a machine. It asks for a wake, of which there is one per tier however many ask, and waits at most ${capS} seconds. The keeper does the waking.`,
    },
    {
      title: "Write, and send",
      about:
        "The usage row is written while the engine already works on the prompt. The first byte leaves only when the row is durable, so no answer goes uncounted, even if the gateway dies.",
    },
    {
      title: "Fail over while it is possible",
      about:
        "Nothing is sent before the answer's first content. Until then every failure moves on to the next machine, within a fixed number of attempts.",
    },
    {
      title: "Stream, count, close",
      about:
        "Events pass through as they come, with the engine's running count. Leaving aborts the generation on the GPU. The row is closed exactly once; a stream without a finish reason is told as cut short.",
    },
  ];
}
