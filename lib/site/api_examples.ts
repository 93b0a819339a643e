/** Requests as people write them: the same call in curl, Python and JavaScript. Pure. */

export const LANGUAGES = [
  { id: "curl", label: "curl" },
  { id: "python", label: "Python" },
  { id: "javascript", label: "JavaScript" },
] as const;

export type Language = (typeof LANGUAGES)[number]["id"];
export type Examples = Readonly<Record<Language, string>>;

export type Call = {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** The JSON body; null for a GET. */
  readonly body: Readonly<Record<string, unknown>> | null;
};

/** How a path is called with the official packages, and what of the answer is worth printing. */
type SdkCall = {
  readonly sdk: "openai" | "anthropic";
  /** The method's name in Python; JavaScript's differs in nothing but the case of letters. */
  readonly method: string;
  readonly shows: { readonly python: string; readonly javascript: string };
};

const SDK_CALLS: Readonly<Record<string, SdkCall>> = {
  "/v1/chat/completions": both("openai", "chat.completions.create", ".choices[0].message.content"),
  "/v1/completions": both("openai", "completions.create", ".choices[0].text"),
  "/v1/responses": both("openai", "responses.create", ".output_text"),
  "/v1/messages": both("anthropic", "messages.create", ".content"),
  "/v1/embeddings": {
    sdk: "openai",
    method: "embeddings.create",
    shows: {
      python: "len(answer.data[0].embedding)",
      javascript: "answer.data[0].embedding.length",
    },
  },
  "/v1/models": {
    sdk: "openai",
    method: "models.list",
    shows: {
      python: "[model.id for model in answer.data]",
      javascript: "answer.data.map((model) => model.id)",
    },
  },
};

function both(sdk: SdkCall["sdk"], method: string, member: string): SdkCall {
  return { sdk, method, shows: { python: `answer${member}`, javascript: `answer${member}` } };
}

/** The three spellings of `call` against the server at `origin`. */
export function examplesOf(call: Call, origin: string): Examples {
  return {
    curl: curl(call, origin),
    python: python(call, origin),
    javascript: javascript(call, origin),
  };
}

function curl({ path, body }: Call, origin: string): string {
  const lines = [`curl ${origin}${path}`, `-H "authorization: Bearer $EMBERLANE_KEY"`];
  if (body !== null) {
    lines.push(
      `-H "content-type: application/json"`,
      `-d '${jsonLines(body).replaceAll("'", `'\\''`)}'`,
    );
  }
  return lines.join(" \\\n  ");
}

function python(call: Call, origin: string): string {
  const { sdk, lines } = pythonCall(call);
  const name = sdk === "openai" ? "OpenAI" : "Anthropic";
  // Anthropic's package adds `/v1` by itself.
  const base = sdk === "openai" ? `${origin}/v1` : origin;
  return [
    "import os",
    `from ${sdk} import ${name}`,
    "",
    `client = ${name}(`,
    `    base_url="${base}",`,
    `    api_key=os.environ["EMBERLANE_KEY"],`,
    ")",
    ...lines,
  ].join("\n");
}

function pythonCall({ method, path, body }: Call): { sdk: SdkCall["sdk"]; lines: string[] } {
  const known = SDK_CALLS[path];
  const short = path.replace(/^\/v1/, "");
  if (known === undefined && method === "GET") {
    const id = path.split("/").at(-1) ?? "";
    return { sdk: "openai", lines: [`print(client.models.retrieve("${id}"))`] };
  }
  if (known === undefined) {
    return {
      sdk: "openai",
      lines: [
        "answer = client.post(",
        `    "${short}",`,
        "    cast_to=object,",
        `    body=${indented(pythonValue(body, 1), 0)},`,
        ")",
        "print(answer)",
      ],
    };
  }
  const values = Object.entries(body ?? {}).map(([name, value]) =>
    `    ${name}=${pythonValue(value, 1)},`
  );
  const call = values.length === 0
    ? [`answer = client.${known.method}()`]
    : [`answer = client.${known.method}(`, ...values, ")"];
  return { sdk: known.sdk, lines: [...call, `print(${known.shows.python})`] };
}

function javascript(call: Call, origin: string): string {
  const { method, path, body } = call;
  const known = SDK_CALLS[path];
  const sdk = known?.sdk ?? "openai";
  const name = sdk === "openai" ? "OpenAI" : "Anthropic";
  const from = sdk === "openai" ? "openai" : "@anthropic-ai/sdk";
  const base = sdk === "openai" ? `${origin}/v1` : origin;
  const value = body === null ? "" : scriptValue(body);
  return [
    `import ${name} from "${from}";`,
    "",
    `const client = new ${name}({`,
    `  baseURL: "${base}",`,
    "  apiKey: process.env.EMBERLANE_KEY,",
    "});",
    ...(known !== undefined
      ? [
        `const answer = await client.${known.method}(${value});`,
        `console.log(${known.shows.javascript});`,
      ]
      : method === "GET"
      ? [`console.log(await client.models.retrieve("${path.split("/").at(-1) ?? ""}"));`]
      : [
        `const answer = await client.post("${path.replace(/^\/v1/, "")}", {`,
        `  body: ${indented(value, 1)},`,
        "});",
        "console.log(answer);",
      ]),
  ].join("\n");
}

/** What still fits on a line beside its name. */
const LINE_CHARS_MAX = 44;

/** JSON with a member a line, and what is short on one line. */
export function jsonLines(value: unknown, depth = 0): string {
  const flat = JSON.stringify(value);
  if (flat.length <= LINE_CHARS_MAX && depth > 0) return spaced(flat);
  const pad = "  ".repeat(depth + 1);
  const end = "  ".repeat(depth);
  if (Array.isArray(value)) {
    return `[\n${value.map((item) => pad + jsonLines(item, depth + 1)).join(",\n")}\n${end}]`;
  }
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(([key, item]) =>
      `${pad}${JSON.stringify(key)}: ${jsonLines(item, depth + 1)}`
    );
    return `{\n${members.join(",\n")}\n${end}}`;
  }
  return flat;
}

/** A JSON text on one line with spaces where people put them; what is inside strings stays. */
function spaced(flat: string): string {
  return flat.replace(/("(?:[^"\\]|\\.)*")|([,:])/g, (_, text, mark) => text ?? `${mark} `);
}

const PYTHON_WORDS: Readonly<Record<string, string>> = {
  true: "True",
  false: "False",
  null: "None",
};

/** The value in Python, which differs from JSON in three words and in how people indent. */
function pythonValue(value: unknown, depth: number): string {
  const text = jsonLines(value, depth).replace(
    /("(?:[^"\\]|\\.)*")|\b(true|false|null)\b/g,
    (_, text, word) => text ?? PYTHON_WORDS[word],
  );
  return text.replace(/^( +)/gm, (spaces) => spaces + spaces);
}

/** The value in JavaScript: names of members without quotes. */
function scriptValue(value: unknown): string {
  return jsonLines(value).replace(
    /("(?:[^"\\]|\\.)*")(: )?/g,
    (_, text: string, colon?: string) => colon === undefined ? text : `${text.slice(1, -1)}: `,
  );
}

function indented(text: string, depth: number): string {
  return text.replaceAll("\n", `\n${"  ".repeat(depth)}`);
}
