/** How a model is called, in three languages: what changes in a program that uses OpenAI's SDK is marked. Pure. */
import type { ModelSpec } from "@/lib/kernel/fleet_file.ts";

export type SnippetLine = {
  readonly text: string;
  /** One of the fields that change when a program comes from OpenAI. */
  readonly isChanged: boolean;
};
export type Snippet = { readonly language: string; readonly lines: readonly SnippetLine[] };

/** Where a key stands in a snippet. */
const KEY = "sk-ember-…";
/** Begins a line that changes. */
const CHANGED = "~";

/** Snippets for a model; none for a kind that no endpoint serves. */
export function snippetsOf(
  { id, kind }: Pick<ModelSpec, "id" | "kind">,
  origin: string,
): Snippet[] {
  switch (kind) {
    case "chat":
    case "code":
      return chatSnippets(id, origin, kind === "code" ? CODE_QUESTION : CHAT_QUESTION);
    case "embedding":
      return embeddingSnippets(id, origin);
    case "rerank":
      return rerankSnippets(id, origin);
    case "video":
      return [];
  }
}

const CHAT_QUESTION = "Why is the sky blue?";
const CODE_QUESTION = "Write a binary search in Go.";

function chatSnippets(id: string, origin: string, question: string): Snippet[] {
  return [
    snippet(
      "Python",
      `from openai import OpenAI

client = OpenAI(
~    base_url="${origin}/v1",
~    api_key="${KEY}",
)
answer = client.chat.completions.create(
    model="${id}",
    messages=[{"role": "user", "content": "${question}"}],
)
print(answer.choices[0].message.content)`,
    ),
    snippet(
      "JavaScript",
      `import OpenAI from "openai";

const client = new OpenAI({
~  baseURL: "${origin}/v1",
~  apiKey: "${KEY}",
});
const answer = await client.chat.completions.create({
  model: "${id}",
  messages: [{ role: "user", content: "${question}" }],
});
console.log(answer.choices[0].message.content);`,
    ),
    snippet(
      "curl",
      `~curl ${origin}/v1/chat/completions \\
~  -H "authorization: Bearer ${KEY}" \\
  -H "content-type: application/json" \\
  -d '{
    "model": "${id}",
    "messages": [{ "role": "user", "content": "${question}" }]
  }'`,
    ),
  ];
}

function embeddingSnippets(id: string, origin: string): Snippet[] {
  return [
    snippet(
      "Python",
      `from openai import OpenAI

client = OpenAI(
~    base_url="${origin}/v1",
~    api_key="${KEY}",
)
answer = client.embeddings.create(
    model="${id}",
    input=["A GPU that sleeps", "costs its disk"],
)
print(len(answer.data[0].embedding))`,
    ),
    snippet(
      "JavaScript",
      `import OpenAI from "openai";

const client = new OpenAI({
~  baseURL: "${origin}/v1",
~  apiKey: "${KEY}",
});
const answer = await client.embeddings.create({
  model: "${id}",
  input: ["A GPU that sleeps", "costs its disk"],
});
console.log(answer.data[0].embedding.length);`,
    ),
    snippet(
      "curl",
      `~curl ${origin}/v1/embeddings \\
~  -H "authorization: Bearer ${KEY}" \\
  -H "content-type: application/json" \\
  -d '{ "model": "${id}", "input": ["A GPU that sleeps", "costs its disk"] }'`,
    ),
  ];
}

function rerankSnippets(id: string, origin: string): Snippet[] {
  return [
    snippet(
      "Python",
      `import httpx

answer = httpx.post(
~    "${origin}/v1/rerank",
~    headers={"authorization": "Bearer ${KEY}"},
    json={
        "model": "${id}",
        "query": "What costs money at night?",
        "documents": ["A GPU nobody uses", "A GPU that sleeps"],
    },
    timeout=600,
)
print(answer.json()["results"])`,
    ),
    snippet(
      "JavaScript",
      `~const answer = await fetch("${origin}/v1/rerank", {
  method: "POST",
  headers: {
~    authorization: "Bearer ${KEY}",
    "content-type": "application/json",
  },
  body: JSON.stringify({
    model: "${id}",
    query: "What costs money at night?",
    documents: ["A GPU nobody uses", "A GPU that sleeps"],
  }),
});
console.log((await answer.json()).results);`,
    ),
    snippet(
      "curl",
      `~curl ${origin}/v1/rerank \\
~  -H "authorization: Bearer ${KEY}" \\
  -H "content-type: application/json" \\
  -d '{
    "model": "${id}",
    "query": "What costs money at night?",
    "documents": ["A GPU nobody uses", "A GPU that sleeps"]
  }'`,
    ),
  ];
}

function snippet(language: string, text: string): Snippet {
  return {
    language,
    lines: text.split("\n").map((line) =>
      line.startsWith(CHANGED)
        ? { text: line.slice(CHANGED.length), isChanged: true }
        : { text: line, isChanged: false }
    ),
  };
}
