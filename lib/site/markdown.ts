/**
 * Markdown to safe HTML, once: headings get addresses, tables their own scroll, code its colours by class,
 * `[1]` a link to its source, and figures and islands stay open for the page to fill. Raw HTML and images are refused.
 */
import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import http from "highlight.js/lib/languages/http";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import yaml from "highlight.js/lib/languages/yaml";
import { Marked, type Token, type Tokens } from "marked";
import { type ContentProblem, lineOf } from "./content_error.ts";
import { type FigureName, type Figures, figureText, isFigureName } from "./figures.ts";

export const ISLANDS = ["CrossoverCalculator", "IdleCalculator"] as const;
export type IslandName = (typeof ISLANDS)[number];

/** A stretch of an article: HTML with figures left open, or an island. */
export type Block =
  | { readonly kind: "html"; readonly parts: readonly (string | { readonly figure: FigureName })[] }
  | { readonly kind: "island"; readonly name: IslandName };

export type Heading = { readonly id: string; readonly text: string; readonly level: 2 | 3 };

export type Rendered = {
  readonly blocks: readonly Block[];
  readonly headings: readonly Heading[];
  /** The numbers of `[n]` in the text. */
  readonly cited: ReadonlySet<number>;
  /** Where its links lead, with their line. */
  readonly links: readonly { readonly href: string; readonly line: number }[];
  /** The words alone, for search and reading time. */
  readonly text: string;
};

for (
  const [name, language] of Object.entries({
    bash,
    http,
    javascript,
    json,
    python,
    sql,
    typescript,
    yaml,
  })
) hljs.registerLanguage(name, language);
const LANGUAGES: Readonly<Record<string, string | null>> = {
  ...{ bash: "bash", sh: "bash", http: "http", js: "javascript", javascript: "javascript" },
  ...{ json: "json", python: "python", py: "python", sql: "sql", ts: "typescript" },
  ...{ typescript: "typescript", yaml: "yaml", text: null, "": null },
};

/** Marks what the page fills in; these two characters are for private use and stand in no text. */
const [OPEN, CLOSE] = ["\uE000", "\uE001"];
const FILLED = new RegExp(`${OPEN}(figure|island):([^${CLOSE}]*)${CLOSE}`, "g");
const FIGURE = /^\{\{\s*figure\s+([\w-]+)\s*\}\}/;
const ISLAND = /^\{\{\s*island\s+(\w+)\s*\}\}[ \t]*(?:\n|$)/;

type Mark = Tokens.Generic & { name: string };

/** Renders the body of a file; `problems` takes what is wrong with it. */
export function renderMarkdown(
  file: string,
  body: string,
  bodyLine: number,
  problems: ContentProblem[],
): Rendered {
  const headings: Heading[] = [];
  const cited = new Set<number>();
  const links: { href: string; line: number }[] = [];
  let tables = 0;
  const bad = (needle: string | RegExp, message: string) =>
    problems.push({ file, line: lineOf(body, needle, bodyLine), message });

  const marked = new Marked({
    gfm: true,
    extensions: [
      {
        name: "citation",
        level: "inline",
        start: (text) => text.search(/\[\d{1,2}\]/),
        tokenizer(text) {
          const found = /^\[(\d{1,2})\](?!\()/.exec(text);
          return found === null
            ? undefined
            : { type: "citation", raw: found[0], name: found[1] ?? "" };
        },
        renderer(token) {
          const { name } = token as Mark;
          cited.add(Number(name));
          return `<a class="cite" href="#source-${name}" aria-label="Source ${name}">[${name}]</a>`;
        },
      },
      {
        name: "figure",
        level: "inline",
        start: (text) => text.indexOf("{{"),
        tokenizer(text) {
          const found = FIGURE.exec(text);
          return found === null
            ? undefined
            : { type: "figure", raw: found[0], name: found[1] ?? "" };
        },
        renderer(token) {
          const { name, raw } = token as Mark;
          if (!isFigureName(name)) bad(raw, `no figure is named ${name}`);
          return `${OPEN}figure:${name}${CLOSE}`;
        },
      },
      {
        name: "island",
        level: "block",
        start: (text) => text.indexOf("{{island"),
        tokenizer(text) {
          const found = ISLAND.exec(text);
          return found === null
            ? undefined
            : { type: "island", raw: found[0], name: found[1] ?? "" };
        },
        renderer(token) {
          const { name, raw } = token as Mark;
          if (!ISLANDS.some((known) => known === name)) {
            bad(raw.trim(), `no island is named ${name}: choose of ${ISLANDS.join(", ")}`);
          }
          return `${OPEN}island:${name}${CLOSE}`;
        },
      },
    ],
    renderer: {
      html({ raw }) {
        bad(raw.trim(), "take out the raw HTML");
        return escapeHtml(raw);
      },
      image({ raw }) {
        bad(raw, "take out the image: articles have none");
        return "";
      },
      heading({ tokens, depth, raw }) {
        const text = plain(tokens);
        if (depth !== 2 && depth !== 3) bad(raw.trim(), "use ## or ###: the title is the only h1");
        const level = depth === 2 ? 2 : 3;
        const id = uniqueId(text, headings);
        headings.push({ id, text, level });
        const inner = this.parser.parseInline(tokens);
        return `<h${level} id="${id}"><a class="heading-link" href="#${id}">${inner}</a></h${level}>\n`;
      },
      table(token) {
        tables++;
        const cells = (row: readonly Tokens.TableCell[], tag: "th" | "td") =>
          row.map((cell) => {
            if (tag === "th" && cell.text.trim() === "") return "<td></td>"; // a header says something
            const align = cell.align === "right" ? ' class="number"' : "";
            const scope = tag === "th" ? ' scope="col"' : "";
            return `<${tag}${scope}${align}>${this.parser.parseInline(cell.tokens)}</${tag}>`;
          }).join("");
        const rows = token.rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("");
        return `<div class="scroll" role="region" aria-label="Table ${tables}" tabindex="0"><table>` +
          `<thead><tr>${
            cells(token.header, "th")
          }</tr></thead><tbody>${rows}</tbody></table></div>\n`;
      },
      code({ text, lang }) {
        const name = (lang ?? "").trim();
        const language = LANGUAGES[name];
        if (language === undefined) {
          bad(
            "```" + name,
            `no colours for ${name}: choose of ${Object.keys(LANGUAGES).join(" ")}`,
          );
        }
        const html = language === null || language === undefined
          ? escapeHtml(text)
          : hljs.highlight(text, { language }).value;
        return `<pre tabindex="0"><code>${html}</code></pre>\n`;
      },
      link({ href, tokens }) {
        const line = lineOf(body, `](${href}`, bodyLine);
        links.push({ href, line });
        if (!/^(https?:\/\/|\/|#)/.test(href)) {
          problems.push({ file, line, message: `link to ${href}: start it with / or https://` });
        }
        return `<a href="${escapeHtml(href)}">${this.parser.parseInline(tokens)}</a>`;
      },
    },
  });
  const tokens = marked.lexer(body);
  const html = marked.parser(tokens);
  return { blocks: blocksOf(html), headings, cited, links, text: plain(tokens) };
}

/** The HTML of a block with its figures filled in. */
export function htmlOf(block: Extract<Block, { kind: "html" }>, figures: Figures): string {
  return block.parts.map((part) =>
    typeof part === "string"
      ? part
      : `<data class="live" value="${part.figure}">${
        escapeHtml(figureText(part.figure, figures))
      }</data>`
  ).join("");
}

function blocksOf(html: string): Block[] {
  const blocks: Block[] = [];
  let parts: (string | { figure: FigureName })[] = [];
  let end = 0;
  const close = () => {
    if (parts.some((part) => typeof part !== "string" || part.trim() !== "")) {
      blocks.push({ kind: "html", parts });
    }
    parts = [];
  };
  for (const { 0: whole, 1: kind, 2: name = "", index } of html.matchAll(FILLED)) {
    parts.push(html.slice(end, index));
    end = index + whole.length;
    if (kind === "figure") {
      if (isFigureName(name)) parts.push({ figure: name });
      continue;
    }
    close();
    const island = ISLANDS.find((known) => known === name);
    if (island !== undefined) blocks.push({ kind: "island", name: island });
  }
  parts.push(html.slice(end));
  close();
  return blocks;
}

function uniqueId(text: string, taken: readonly Heading[]): string {
  const base = text.toLowerCase().normalize("NFKD").replace(/[^\w\s-]/g, "").trim()
    .replace(/[\s_]+/g, "-") || "section";
  let id = base;
  for (let n = 2; taken.some((heading) => heading.id === id); n++) id = `${base}-${n}`;
  return id;
}

/** The words of tokens, without what marks them up. */
function plain(tokens: readonly Token[]): string {
  return tokens.map((token): string => {
    if (token.type === "table") {
      const { header, rows } = token as Tokens.Table;
      return [header, ...rows].map((row) => row.map((cell) => plain(cell.tokens)).join(" ")).join(
        " ",
      );
    }
    if (token.type === "list") {
      return (token as Tokens.List).items.map((item) => plain(item.tokens)).join(" ");
    }
    if (token.type === "citation" || token.type === "figure" || token.type === "island") return "";
    if ("tokens" in token && token.tokens !== undefined) {
      return plain(token.tokens) +
        (token.type === "paragraph" || token.type === "heading" ? " " : "");
    }
    return "text" in token && typeof token.text === "string" ? unescapeHtml(token.text) : " ";
  }).join("");
}

export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function unescapeHtml(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'").replaceAll("&amp;", "&");
}
