/** An article as Markdown, for those who read without a browser: its figures filled in, its sources listed. Pure. */
import { type Figures, figureText, isFigureName } from "./figures.ts";
import type { Article } from "./library.ts";

/** `origin` makes its links whole. */
export function articleMarkdown(article: Article, origin: string, figures: Figures): string {
  const body = article.markdown
    .replaceAll(
      /\{\{\s*figure\s+([\w-]+)\s*\}\}/g,
      (whole, name: string) => isFigureName(name) ? figureText(name, figures) : whole,
    )
    .replaceAll(
      /^\{\{\s*island\s+\w+\s*\}\}$/gm,
      `(The page ${origin}${article.path} has a calculator here.)`,
    )
    .replaceAll(/\]\((\/[^)\s]*)\)/g, (_, path: string) => `](${origin}${path})`)
    .trim();
  const sources = article.sources.map(({ title, url, note, date }, i) =>
    `${i + 1}. ${[title, url ?? note, date].filter((part) => part !== undefined).join(". ")}`
  );
  return [
    `# ${article.title}`,
    `> ${article.summary}`,
    `Updated ${article.updated}. ${origin}${article.path}`,
    body,
    "## Sources",
    sources.join("\n"),
    "",
  ].join("\n\n");
}
