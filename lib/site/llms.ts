/** The site for language models: an index of its pages, and everything worth reading as one Markdown text. Pure. */
import type { OpenApi } from "@/lib/gateway/openapi.ts";
import { articleMarkdown } from "./article_markdown.ts";
import { type FaqGroup, faqGroups } from "./faq.ts";
import type { Figures } from "./figures.ts";
import type { Library } from "./library.ts";
import { endpointsOf, type FieldRow } from "./openapi_view.ts";
import type { ListedPage } from "./pages.ts";

export type LlmsOptions = {
  readonly name: string;
  readonly origin: string;
  readonly demo: boolean;
  readonly wakeCapS: number;
};

/** `llms.txt`: what this is, and where to read on. Source: llmstxt.org. */
export function llmsTxt(pages: readonly ListedPage[], options: LlmsOptions): string {
  const { origin } = options;
  const link = ({ path, title, description }: ListedPage) =>
    `- [${title}](${origin}${path}): ${description}`;
  const of = (kind: ListedPage["kind"]) => pages.filter((page) => page.kind === kind);
  const groups = [...new Set(of("article").map(({ group }) => group))];
  return [
    opening(options),
    section("Reference", [
      `- [OpenAPI 3.1](${origin}/api/openapi.json): every endpoint, field, header and error`,
      `- [Everything on one page](${origin}/llms-full.txt): the API, the questions, all articles and the glossary`,
      ...of("page").map(link),
    ]),
    section("Models", of("model").map(link)),
    ...groups.map((group) =>
      section(
        group,
        of("article").filter((page) => page.group === group)
          .map((page) => `- [${page.title}](${origin}${page.path}.md): ${page.description}`),
      )
    ),
    section("Optional", of("term").map(link)),
  ].filter((part) => part !== "").join("\n\n") + "\n";
}

export type LlmsFullOptions = LlmsOptions & {
  readonly api: OpenApi;
  readonly library: Library;
  readonly figures: Figures;
};

/** `llms-full.txt`. */
export function llmsFullTxt(options: LlmsFullOptions): string {
  const { origin, library, figures, wakeCapS } = options;
  return [
    opening(options),
    apiMarkdown(options.api),
    faqMarkdown(faqGroups(wakeCapS), origin),
    ...library.articles.map((article) => articleMarkdown(article, origin, figures).trim()),
    "# Glossary",
    library.terms.map(({ title, summary }) => `- **${title}**: ${summary}`).join("\n"),
  ].join("\n\n") + "\n";
}

function opening({ name, origin, demo, wakeCapS }: LlmsOptions): string {
  return [
    `# ${name}`,
    "> An inference gateway that lets GPUs sleep: OpenAI's API in front of a lineup of GPU machines that are woken when a request needs one and put to sleep when they fall quiet.",
    [
      `The base URL is ${origin}/v1, with a bearer key. A request that finds every machine asleep is held and answered within ${wakeCapS} seconds, at the worst with 504 wake_timeout; the wake goes on. Send \`Prefer: wait=N\` to be told sooner, or \`x-emberlane-wake: stream\` to watch.`,
      demo ? "This deployment is a demo: every machine is simulated." : "",
    ].filter((text) => text !== "").join(" "),
  ].join("\n\n");
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : [`## ${title}`, "", ...lines].join("\n");
}

/** The API reference in Markdown. */
function apiMarkdown(api: OpenApi): string {
  const { errors, waiting, limits } = api["x-emberlane"];
  const fields = (rows: readonly FieldRow[]) =>
    rows.map(({ name, type, required, about }) =>
      `- \`${name}\` (${type}${required ? ", required" : ""})${about === "" ? "" : `: ${about}`}`
    ).join("\n");
  return [
    "# API reference",
    ...endpointsOf(api).flatMap(({ method, path, summary, description, fields: rows, stream }) => [
      `## ${method} ${path}`,
      `${summary} ${description}`.trim(),
      ...(rows.length === 0 ? [] : [fields(rows)]),
      ...(stream === null ? [] : [`Stream: ${stream.about}`]),
    ]),
    "## Waiting for a machine",
    waiting.map(({ name, ask, answer }) => `- ${name} (${ask}): ${answer}`).join("\n"),
    "## Request headers",
    Object.values(api.components.parameters)
      .map(({ name, description }) => `- \`${name}\`: ${description}`).join("\n"),
    "## Errors",
    errors.map(({ status, code, retry, means }) =>
      `- ${status} \`${code}\` (try again: ${retry}): ${means}`
    )
      .join("\n"),
    "## Limits",
    limits.map(({ name, value, beyond }) => `- ${name}: ${value}. Beyond: ${beyond}`).join("\n"),
  ].join("\n\n");
}

function faqMarkdown(groups: readonly FaqGroup[], origin: string): string {
  return [
    "# Questions",
    ...groups.flatMap(({ title, questions }) => [
      `## ${title}`,
      ...questions.flatMap(({ ask, answer, links }) => [
        `### ${ask}`,
        ...answer,
        ...(links.length === 0
          ? []
          : [links.map(({ href, label }) => `[${label}](${origin}${href})`).join(", ")]),
      ]),
    ]),
  ].join("\n\n");
}
