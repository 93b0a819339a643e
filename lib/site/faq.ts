/** The questions of `/faq` and their answers. Code stands between backticks; every answer is complete without its links. */

export type FaqLink = { readonly href: string; readonly label: string };
export type Question = {
  /** The fragment that leads to it. */
  readonly id: string;
  readonly ask: string;
  readonly answer: readonly string[];
  readonly links: readonly FaqLink[];
};
export type FaqGroup = {
  readonly id: string;
  readonly title: string;
  readonly questions: readonly Question[];
};

export const link = (href: string, label: string): FaqLink => ({ href, label });

/** `capS` is this deployment's wake budget in seconds. */
export function faqGroups(capS: number): readonly FaqGroup[] {
  return [
    { id: "ai-teams", title: "For AI teams", questions: forTeams(capS) },
    { id: "gpu-owners", title: "For GPU owners", questions: FOR_OWNERS },
    { id: "operators", title: "For operators", questions: FOR_OPERATORS },
  ];
}

function forTeams(capS: number): readonly Question[] {
  return [
    {
      id: "what-changes",
      ask: "What do I change in my code?",
      answer: [
        "The base URL and the key. Chat completions, completions, responses and embeddings follow OpenAI; `/v1/messages` follows Anthropic. Fields the gateway does not know pass through to the engine.",
        "Then decide how your client waits, because the machine behind a model may be asleep.",
      ],
      links: [
        link("/learn/integration/migrate-from-openai", "Migrating from OpenAI"),
        link("/docs/api", "API reference"),
      ],
    },
    {
      id: "how-long",
      ask: "How long does the first request after a quiet night take?",
      answer: [
        `As long as its machine needs to wake: seconds from vLLM's sleep mode, minutes from a stopped machine. It is answered within ${capS} seconds in any case, at the worst with 504 \`wake_timeout\`. The wake goes on, so a later request may find the machine ready.`,
        "The status page shows how long this deployment's own wakes took. Where it has none yet, it says so.",
      ],
      links: [
        link("/status", "Status"),
        link("/learn/reliability/what-a-cold-start-costs", "What a cold start really costs"),
      ],
    },
    {
      id: "timeouts",
      ask: "My client times out before the machine is awake. What can I do?",
      answer: [
        "Ask to be told: `Prefer: wait=20` answers 503 with Retry-After if 20 seconds were not enough, and the wake goes on. Or watch: `x-emberlane-wake: stream` on a streaming request sends headers at once and a comment every few seconds until the answer begins.",
      ],
      links: [link("/learn/integration/choosing-a-wait", "Choosing how to wait")],
    },
    {
      id: "retries",
      ask: "Will my SDK's retries wake machines again and again?",
      answer: [
        "No. A wake is shared by every request that needs the same tier, and a 504 carries `x-should-retry: false`, which the official SDKs obey. A retry while a machine wakes joins the wake that is already there.",
      ],
      links: [
        link(
          "/learn/reliability/retries-timeouts-and-the-cold-path",
          "Retries, timeouts and the cold path",
        ),
      ],
    },
    {
      id: "cut-short",
      ask: "How do I know that a streamed answer is whole?",
      answer: [
        "By its `finish_reason`. A stream that fails after it began ends with one event that holds `error`, and without `[DONE]`. The gateway never invents a finish reason to make an end look clean.",
      ],
      links: [link("/learn/integration/streaming-and-sse", "Streaming and SSE")],
    },
    {
      id: "cancelled",
      ask: "What counts when I cancel a stream?",
      answer: [
        "What was generated until the cancellation reached the engine. On chat and plain completions the engine reports its running count with every chunk, and the last one seen is what the usage row keeps. Streams of `/v1/responses` and `/v1/messages` carry no running count; cut short, they are counted by their chunks, and their rows say so.",
      ],
      links: [link("/glossary/usage-row", "Usage row")],
    },
    {
      id: "prompts",
      ask: "Are my prompts stored?",
      answer: [
        "No. Prompts and completions are neither logged nor written to the database; error messages never quote them. A usage row holds counts, times, the model, the tier and how the request ended. Prefix caches in the engines are salted by account on chat, completions and responses.",
      ],
      links: [link("/how-it-works#security", "Security posture")],
    },
  ];
}

const FOR_OWNERS: readonly Question[] = [
  {
    id: "connect",
    ask: "Can I connect my GPUs to somebody else's gateway and be paid?",
    answer: [
      "Not yet. The supplier exchange is planned and not built. There is no form to fill in and no waiting list here.",
    ],
    links: [link("/suppliers", "For GPU owners")],
  },
  {
    id: "own-gateway",
    ask: "What can I do with my GPUs today?",
    answer: [
      "Run the gateway yourself and name your servers as a `static` tier, if they are always on, or let it start and stop an engine on its own computer as a `local` tier. Your applications then have one address, keys, limits and a usage row for every request.",
    ],
    links: [
      link("/suppliers#today", "What works today"),
      link("/learn/supply/connect-gpus-without-an-open-port", "Connecting GPUs with no open port"),
    ],
  },
  {
    id: "which-gpu",
    ask: "Which GPU earns its price?",
    answer: [
      "The one with the most tokens per dollar at the concurrency you really have, not the one with the highest single-stream speed. Measure both on your own model before you rent or buy.",
    ],
    links: [link("/learn/supply/tokens-per-dollar", "Choosing a GPU by tokens per dollar")],
  },
  {
    id: "engines",
    ask: "Which engines are spoken to?",
    answer: [
      "vLLM first: its health, its sleep mode, its running usage counts. Any server that answers OpenAI's routes can be named in a tier; what it does not report, the gateway cannot count exactly.",
    ],
    links: [link("/learn/engines/what-vllm-does-well", "vLLM: what it does well")],
  },
];

const FOR_OPERATORS: readonly Question[] = [
  {
    id: "run",
    ask: "What does it take to run one?",
    answer: [
      "One process. It brings its own PostgreSQL unless you name one, and without any configuration it runs a demo lineup of simulated machines, so you can see the whole path before a GPU is involved.",
    ],
    links: [link("/how-it-works", "How it works")],
  },
  {
    id: "forgotten",
    ask: "How do I not pay for a machine that everybody forgot?",
    answer: [
      "A machine that was quiet for its tier's idle time is drained and stopped. Every few minutes each provider's own list is compared with ours: a machine with our tag that nobody remembers is written to the journal, confirmed at a second look, destroyed, and verified gone.",
    ],
    links: [link("/learn/supply/machines-nobody-remembers", "Machines nobody remembers")],
  },
  {
    id: "crash",
    ask: "What happens when the gateway is killed?",
    answer: [
      "Rows that were open are closed by another replica, or by the same one restarted, from their last checkpoint; a row is durable before the first byte of its answer leaves. Machine moves that were begun are found in the journal and finished, because every look starts from what is really there.",
    ],
    links: [link("/glossary/journal", "Journal"), link("/glossary/keeper", "Keeper")],
  },
  {
    id: "true-cost",
    ask: "Is the published cost per million tokens the real one?",
    answer: [
      'It is only published where a provider\'s own billing says what was spent; where there is none, the page says "no data yet" and why. Prices in the configuration are what a deployment charges, which is a different thing.',
    ],
    links: [
      link("/economics", "Economics"),
      link("/learn/economics/invoice-true-cost", "Invoice-true cost per million tokens"),
    ],
  },
  {
    id: "sleep",
    ask: "Should a machine nap or be stopped?",
    answer: [
      "A nap (vLLM's sleep mode) keeps the GPU and wakes in seconds; a stopped machine costs its disk at most and wakes in minutes. A tier may do both: nap after a few quiet minutes, stop after more.",
    ],
    links: [
      link("/learn/reliability/sleep-mode-or-hibernation", "Sleep mode against hibernation"),
      link("/learn/economics/scale-to-zero-arithmetic", "Scale-to-zero arithmetic"),
    ],
  },
  {
    id: "licence",
    ask: "May I change it and run it for others?",
    answer: ["Yes. It is open source under the MIT licence."],
    links: [],
  },
];
