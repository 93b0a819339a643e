/** The path of one request, drawn twice: wide for a wide screen, tall for a narrow one. The steps below say the same. */

type Box = {
  readonly title: string;
  readonly lines: readonly string[];
  readonly tone?: "ember" | "quiet";
  readonly x: number;
  readonly y: number;
};
type Arrow = { readonly d: string; readonly tone?: "ember" };
type Label = {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly anchor?: "middle";
};
type Layout = {
  readonly width: number;
  readonly height: number;
  readonly boxWidth: number;
  readonly boxHeight: number;
  readonly boxes: readonly Box[];
  readonly arrows: readonly Arrow[];
  readonly labels: readonly Label[];
};

const CLIENT = {
  title: "Your client",
  lines: ["any OpenAI SDK", "POST /v1/…"],
  tone: "quiet",
} as const;
const ADMIT = { title: "Admit", lines: ["key, limits, body,", "which tiers may serve"] } as const;
const READY = {
  title: "A machine ready?",
  lines: ["session's own first,", "else the least busy"],
} as const;
const SEND = {
  title: "Row and request",
  lines: ["row made durable while", "the engine thinks"],
} as const;
const ANSWER = {
  title: "Answer",
  lines: ["streamed and counted,", "row closed once"],
} as const;
const WAKE = {
  title: "One wake",
  lines: ["per tier, shared by all", "who wait for it"],
  tone: "ember",
} as const;
const KEEPER = {
  title: "Keeper",
  lines: ["asleep → waking →", "loading → ready"],
  tone: "ember",
} as const;

function wide(capS: number): Layout {
  const late = {
    title: "504 wake_timeout",
    lines: [`at ${capS} s at the latest;`, "the wake goes on"],
    tone: "quiet",
  } as const;
  return {
    width: 1124,
    height: 352,
    boxWidth: 184,
    boxHeight: 104,
    boxes: [
      { ...CLIENT, x: 2, y: 2 },
      { ...ADMIT, x: 236, y: 2 },
      { ...READY, x: 470, y: 2 },
      { ...SEND, x: 704, y: 2 },
      { ...ANSWER, x: 938, y: 2 },
      { ...late, x: 236, y: 240 },
      { ...WAKE, x: 470, y: 240 },
      { ...KEEPER, x: 704, y: 240 },
    ],
    arrows: [
      { d: "M186 54H230" },
      { d: "M420 54H464" },
      { d: "M654 54H698" },
      { d: "M888 54H932" },
      { d: "M562 106V234", tone: "ember" },
      { d: "M654 292H698", tone: "ember" },
      { d: "M796 240V112", tone: "ember" },
      { d: "M470 292H426" },
    ],
    labels: [
      { text: "yes", x: 676, y: 42, anchor: "middle" },
      { text: "none is", x: 576, y: 176 },
      { text: "now one is", x: 810, y: 176 },
      { text: "late", x: 448, y: 280, anchor: "middle" },
    ],
  };
}

function tall(capS: number): Layout {
  const step = 136;
  const at = (row: number) => ({ x: 2, y: 2 + row * step });
  const down = (row: number) => `M122 ${98 + row * step}V${132 + row * step}`;
  return {
    width: 340,
    height: 2 + 6 * step + 100,
    boxWidth: 240,
    boxHeight: 96,
    boxes: [
      { ...CLIENT, ...at(0) },
      { ...ADMIT, ...at(1) },
      { ...READY, ...at(2) },
      { ...WAKE, ...at(3) },
      {
        ...KEEPER,
        ...at(4),
        lines: ["asleep, waking, loading, ready;", `504 after ${capS} s at the latest`],
      },
      { ...SEND, ...at(5) },
      { ...ANSWER, ...at(6) },
    ],
    arrows: [
      { d: down(0) },
      { d: down(1) },
      { d: down(2), tone: "ember" },
      { d: down(3), tone: "ember" },
      { d: down(4), tone: "ember" },
      { d: down(5) },
      { d: `M242 ${2 + 2 * step + 48}H290V${2 + 5 * step + 48}H248` },
    ],
    labels: [
      { text: "none is", x: 134, y: 116 + 2 * step + 4 },
      { text: "yes", x: 300, y: 2 + 3 * step + 116 },
    ],
  };
}

export function RequestPath({ capS }: { capS: number }) {
  return (
    <figure class="request-path">
      <Drawing name="wide" layout={wide(capS)} />
      <Drawing name="tall" layout={tall(capS)} />
      <figcaption class="small quiet">
        A warm machine takes the straight line. The lower path is a wake: begun by the first request
        that needs it, carried out by the keeper, waited for by everyone who asks meanwhile.
      </figcaption>
    </figure>
  );
}

function Drawing({ name, layout }: { name: "wide" | "tall"; layout: Layout }) {
  const { width, height, boxWidth, boxHeight, boxes, arrows, labels } = layout;
  const titleId = `path-${name}-title`;
  return (
    <svg
      class={`drawing ${name}`}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-labelledby={titleId}
    >
      <title id={titleId}>
        The request path: admit, look for a ready machine, wake one if none is, send, answer
      </title>
      <defs>
        <marker
          id={`tip-${name}`}
          viewBox="0 0 8 8"
          refX="5"
          refY="4"
          markerWidth="7"
          markerHeight="7"
          orient="auto"
        >
          <path class="tip" d="M0 0L8 4L0 8z" />
        </marker>
        <marker
          id={`hot-${name}`}
          viewBox="0 0 8 8"
          refX="5"
          refY="4"
          markerWidth="7"
          markerHeight="7"
          orient="auto"
        >
          <path class="tip ember" d="M0 0L8 4L0 8z" />
        </marker>
      </defs>
      {arrows.map(({ d, tone }) => (
        <path
          key={d}
          class={`edge ${tone ?? ""}`}
          d={d}
          marker-end={`url(#${tone === "ember" ? "hot" : "tip"}-${name})`}
        />
      ))}
      {boxes.map(({ title, lines, tone, x, y }) => (
        <g key={title} class={`box ${tone ?? ""}`}>
          <rect x={x} y={y} width={boxWidth} height={boxHeight} rx="10" />
          <text class="title" x={x + 16} y={y + 32}>{title}</text>
          {lines.map((line, i) => <text key={line} x={x + 16} y={y + 57 + i * 21}>{line}</text>)}
        </g>
      ))}
      {labels.map(({ text, x, y, anchor = "start" }) => (
        <text
          key={text}
          class="label"
          x={x}
          y={y}
          text-anchor={anchor}
        >
          {text}
        </text>
      ))}
    </svg>
  );
}
