/** One answer being generated: takes tokens from the scheduler, gives bytes to the client, and fails as it was told to. */

import { unreachable } from "@/lib/kernel/assert.ts";
import type { Context } from "./context.ts";
import type { Fault } from "./faults.ts";
import type { Reply } from "./http/reply.ts";
import type { Choice, FinishReason } from "./plan.ts";
import type { Job, Listener } from "./sequence.ts";
import type { RequestRecord } from "./stats.ts";
import { type ApiError, ENGINE_DEAD } from "./wire/errors.ts";
import type { Shape } from "./wire/shape.ts";

/** The faults that strike once so many tokens were sent. */
type LateFault = Extract<
  Fault,
  { kind: "cut" | "stall" | "malformed" | "no-finish" | "error-event" | "die" | "abort" }
>;
type DueFault = LateFault & { after: number };

export type RunInput = {
  readonly reply: Reply;
  readonly stream: boolean;
  readonly choices: readonly Choice[];
  readonly produced: number[];
  readonly ended: (FinishReason | null)[];
  readonly shape: Shape;
  readonly record: RequestRecord;
  readonly faults: readonly Fault[];
  /** Writes an error answer in the API's own shape. */
  readonly refuse: (error: ApiError) => void;
};

export class Run implements Listener {
  readonly #context: Context;
  readonly #in: RunInput;
  readonly #late: DueFault[];
  readonly #noDone: boolean;
  #job: Job | null = null;
  #opened = false;
  #over = false;
  #stalled = false;
  #sent = 0;

  constructor(context: Context, input: RunInput) {
    this.#context = context;
    this.#in = input;
    const all = input.choices.reduce((sum, choice) => sum + choice.tokens.length, 0);
    this.#late = input.faults.filter(isLate).map((fault) => ({
      ...fault,
      after: fault.after ?? all,
    }));
    this.#noDone = input.faults.some((fault) => fault.kind === "no-done");
    context.runs.add(this);
    input.reply.onLeave(() => this.#left());
  }

  /** Ties the run to what the scheduler knows of it. */
  attach(job: Job): void {
    this.#job = job;
    if (this.#over) this.#context.scheduler.abort(job);
  }

  output(choice: number, from: number, to: number, done: boolean): void {
    if (this.#over || this.#stalled) return;
    const fault = this.#due(to - from);
    const until = fault === null ? to : Math.min(to, from + Math.max(fault.after - this.#sent, 0));
    const whole = until === to && (fault === null || fault.kind === "malformed");
    this.#say(choice, from, until, done && whole);
    if (fault !== null) this.#strike(fault);
    if (until < to && fault?.kind === "malformed") this.#say(choice, until, to, done);
    if (!this.#over && !this.#stalled && this.#in.ended.every((end) => end !== null)) {
      this.#finish();
    }
  }

  flush(): void {
    this.#in.reply.flush();
  }

  lagging(): boolean {
    return this.#in.stream && this.#in.reply.lagging();
  }

  /** The engine gave up: the shape an abort has on the wire, which is no error. */
  aborted(): void {
    if (this.#over) return;
    const { ended, produced, reply, shape } = this.#in;
    const started = this.#opened;
    this.#open();
    ended.forEach((end, choice) => {
      if (end !== null) return;
      ended[choice] = "abort";
      const at = produced[choice] ?? 0;
      // before its first token, the empty output is skipped: no finish_reason at all
      if (this.#in.stream && started) {
        for (const event of shape.delta(choice, at, at, "abort")) reply.write(event);
      }
    });
    this.#finish();
    this.flush();
  }

  /** A failure of the engine, as the client sees it. */
  failed(error: ApiError): void {
    if (this.#over) return;
    this.#close("error");
    if (!this.#in.stream) return this.#in.refuse(error);
    const events = this.#in.shape.failure(error);
    if (events.length === 0) return this.#in.reply.cut();
    for (const event of events) this.#in.reply.write(event);
    if (this.#in.shape.terminator !== "") this.#in.reply.write(this.#in.shape.terminator);
    this.#in.reply.end();
  }

  #say(choice: number, from: number, to: number, done: boolean): void {
    const { choices, ended, produced, record, reply, shape, stream } = this.#in;
    const finish = done ? choices[choice]?.finish ?? "stop" : null;
    if (to > from) this.#context.stats.tokens(record, to - from);
    this.#sent += to - from;
    produced[choice] = to;
    ended[choice] = finish;
    if (!stream || (to === from && !done)) return;
    this.#open();
    for (const event of shape.delta(choice, from, to, finish)) reply.write(event);
  }

  #open(): void {
    if (this.#opened || !this.#in.stream) return;
    this.#opened = true;
    for (const event of this.#in.shape.opening()) this.#in.reply.write(event);
  }

  #finish(): void {
    const { ended, reply, shape, stream } = this.#in;
    this.#close(ended.find((end) => end === "abort") ?? ended.at(-1) ?? "stop");
    if (!stream) return reply.send(200, shape.whole());
    for (const event of shape.closing()) reply.write(event);
    if (!this.#noDone && shape.terminator !== "") reply.write(shape.terminator);
    reply.end();
  }

  /** The next fault that `count` more tokens would reach. */
  #due(count: number): DueFault | null {
    const next = this.#late.find((fault) => this.#sent + count >= fault.after);
    if (next !== undefined && next.kind === "malformed") {
      this.#late.splice(this.#late.indexOf(next), 1);
    }
    return next ?? null;
  }

  #strike(fault: LateFault): void {
    const { reply, shape, stream } = this.#in;
    switch (fault.kind) {
      case "malformed":
        if (stream) return reply.write(`data: {"id":"chatcmpl-broken","object":"chat.com\n\n`);
        this.#close("error");
        return reply.send(200, shape.whole().slice(0, 40));
      case "cut":
        this.#close("error");
        if (!stream) this.#half();
        return fault.reset ? reply.reset() : reply.cut();
      case "stall":
        this.#stalled = true;
        if (this.#job !== null) this.#context.scheduler.abort(this.#job);
        return this.flush();
      case "no-finish":
        if (stream) {
          this.#close("error");
          return reply.end();
        }
        this.#close("error");
        this.#half();
        return reply.cut();
      case "error-event": {
        const { message, type, code } = fault;
        return this.failed({ status: code, message, type, param: null });
      }
      case "die":
        this.failed(ENGINE_DEAD);
        return this.#context.die();
      case "abort":
        if (this.#job !== null) this.#context.scheduler.abort(this.#job);
        return this.aborted();
      default:
        return unreachable(fault);
    }
  }

  /** A non-streaming answer that breaks off: its head promises more than comes. */
  #half(): void {
    const text = this.#in.shape.whole();
    this.#in.reply.half(200, text, text.length >> 1);
  }

  #left(): void {
    if (this.#over) return;
    this.#close("abort");
  }

  #close(reason: FinishReason | "error"): void {
    this.#over = true;
    this.#context.runs.delete(this);
    this.#context.stats.finish(this.#in.record, reason, this.#context.clock.now());
    const early = reason === "abort" || reason === "error";
    if (early && this.#job !== null) this.#context.scheduler.abort(this.#job);
  }
}

function isLate(fault: Fault): fault is LateFault {
  return ["cut", "stall", "malformed", "no-finish", "error-event", "die", "abort"].includes(
    fault.kind,
  );
}
