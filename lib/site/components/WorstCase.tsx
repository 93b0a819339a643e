/** The answer a client gets when no machine is ready in time, as it is sent. */
export type WorstCaseProps = { readonly tier: string; readonly wakeCapS: number };

/** What `deadlineError` of the gateway answers for a tier without history; a test compares the two. */
export function timeoutBody(tier: string): string {
  return JSON.stringify(
    {
      error: {
        message:
          `No machine of tier "${tier}" became ready in time; its wake goes on, so a later request may find it ready`,
        type: "server_error",
        param: null,
        code: "wake_timeout",
      },
    },
    null,
    2,
  );
}

export function WorstCase({ tier, wakeCapS }: WorstCaseProps) {
  return (
    <div class="two-columns worst-case">
      <div class="stack">
        <p class="big-number">
          {wakeCapS} <span>seconds</span>
        </p>
        <p>
          That is the longest a request is held while a machine wakes. Then it is answered{" "}
          <strong>504</strong>{" "}
          in your SDK's own error shape, never left hanging: OpenAI's SDKs give up by themselves
          after 600 s. A client that says it is less patient is answered sooner.
        </p>
        <p>
          <code>x-should-retry: false</code>{" "}
          keeps the SDK from asking again at once. The wake goes on, so a later request may find the
          machine ready. A full queue is a 429, no usable machine a 503, each with{" "}
          <code>retry-after</code>.
        </p>
        <p>
          To see progress instead of silence, stream and send{" "}
          <code>x-emberlane-wake: stream</code>: comments come while it wakes, and a failure is then
          an event in the stream.
        </p>
      </div>
      <div class="code">
        <pre
          tabindex={0}
          role="region"
          aria-label="The answer at the wake cap"
        ><code>{`HTTP/1.1 504 Gateway Timeout
retry-after: 30
x-should-retry: false

${timeoutBody(tier)}`}</code></pre>
      </div>
    </div>
  );
}
