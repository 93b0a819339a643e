/** The learn hub and the glossary in memory: read and checked once, rendered to HTML, linked both ways. */
import { setImmediate } from "node:timers";
import { ContentError, type ContentProblem, lineOf } from "./content_error.ts";
import { articleHead, parseFront, pillarHead, type Source, termHead } from "./front_matter.ts";
import { type Block, type Heading, type Rendered, renderMarkdown } from "./markdown.ts";

export type Linked = { readonly path: string; readonly title: string; readonly summary: string };

export type Article = Linked & {
  readonly slug: string;
  readonly pillar: string;
  readonly order: number;
  /** YYYY-MM-DD. */
  readonly updated: string;
  readonly sources: readonly Source[];
  readonly seeAlso: readonly Linked[];
  readonly blocks: readonly Block[];
  readonly headings: readonly Heading[];
  readonly readingMinutes: number;
  /** Its words alone, for the search. */
  readonly text: string;
  /** As it was written, for its Markdown form. */
  readonly markdown: string;
  /** Its neighbours in the pillar. */
  readonly previous: Linked | null;
  readonly next: Linked | null;
};

export type Pillar = Linked & {
  readonly slug: string;
  readonly order: number;
  readonly blocks: readonly Block[];
  readonly articles: readonly Article[];
};

export type Term = Linked & {
  readonly slug: string;
  readonly sources: readonly Source[];
  readonly seeAlso: readonly Linked[];
  readonly blocks: readonly Block[];
  readonly text: string;
};

export type Library = {
  readonly pillars: readonly Pillar[];
  readonly articles: readonly Article[];
  /** By their names. */
  readonly terms: readonly Term[];
  pillar(slug: string): Pillar | null;
  article(pillar: string, slug: string): Article | null;
  term(slug: string): Term | null;
};

/** A file of `content/`, by its path below it, such as `learn/economics/spot-or-on-demand.md`. */
export type ContentFile = { readonly path: string; readonly text: string };

const WORDS_PER_MINUTE = 220;

/**
 * Reads `content/` below `root`, a URL that ends in a slash, file by file, so that whatever else the process does goes on
 * in between. Throws ContentError with everything that is wrong, or the signal's reason.
 */
export async function loadLibrary(
  root: URL,
  pages: readonly Linked[],
  signal?: AbortSignal,
): Promise<Library> {
  const files: ContentFile[] = [];
  const walk = async (folder: string) => {
    for await (const entry of Deno.readDir(new URL(folder, root))) {
      const path = folder + entry.name;
      if (entry.isDirectory) await walk(`${path}/`);
      else if (path.endsWith(".md")) {
        files.push({ path, text: await Deno.readTextFile(new URL(path, root)) });
      }
    }
  };
  await walk("");
  const steps = librarySteps(files, pages);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
  }
}

type Draft<Head> = { path: string; file: string; head: Head; body: string; rendered: Rendered };

/** Builds the library of files in any order. `pages`: the other pages a link may lead to. Pure. */
export function buildLibrary(files: readonly ContentFile[], pages: readonly Linked[]): Library {
  const steps = librarySteps(files, pages);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Yields after each file. */
function* librarySteps(
  files: readonly ContentFile[],
  pages: readonly Linked[],
): Generator<void, Library, void> {
  const problems: ContentProblem[] = [];
  const sorted = files.toSorted((a, b) => a.path < b.path ? -1 : 1);
  /** The files whose path matches; its first group is the path of their page. */
  function* drafts<T>(
    pattern: RegExp,
    schema: Parameters<typeof parseFront<T>>[2],
  ): Generator<void, Draft<T>[], void> {
    const made: Draft<T>[] = [];
    for (const { path, text } of sorted) {
      const found = pattern.exec(path);
      if (found === null) continue;
      const file = `content/${path}`;
      try {
        const { head, body, bodyLine } = parseFront(file, text, schema);
        const rendered = renderMarkdown(file, body, bodyLine, problems);
        made.push({ path: `/${found[1]}`, file, head, body, rendered });
      } catch (error) {
        if (!(error instanceof ContentError)) throw error;
        problems.push(...error.problems);
      }
      yield;
    }
    return made;
  }

  const pillars = yield* drafts(/^(learn\/[a-z0-9-]+)\/_pillar\.md$/, pillarHead);
  const articles = yield* drafts(/^(learn\/[a-z0-9-]+\/[a-z0-9][a-z0-9-]*)\.md$/, articleHead);
  const terms = yield* drafts(/^(glossary\/[a-z0-9][a-z0-9-]*)\.md$/, termHead);

  const known = new Map<string, Linked>(pages.map((page) => [page.path, page]));
  for (const { path, head } of [...pillars, ...articles]) {
    known.set(path, { path, title: head.title, summary: head.summary });
  }
  for (const { path, head } of terms) {
    known.set(path, { path, title: head.term, summary: head.summary });
  }
  const pillarPaths = new Set(pillars.map(({ path }) => path));
  for (const article of articles) {
    const folder = article.path.slice(0, article.path.lastIndexOf("/"));
    checkPillar(article, folder, pillarPaths, problems);
    checkSources(article.file, article.head.sources, article.rendered, article.body, problems);
  }
  for (const term of terms) {
    checkSources(term.file, term.head.sources, term.rendered, term.body, problems);
  }
  for (const one of [...pillars, ...articles, ...terms]) {
    checkLinks(one.file, one.rendered, known, problems);
  }
  const seeAlso = (paths: readonly string[], file: string): Linked[] =>
    paths.flatMap((path) => {
      const found = known.get(path);
      if (found === undefined) {
        const text = files.find((each) => `content/${each.path}` === file)?.text ?? "";
        problems.push({ file, line: lineOf(text, path), message: `see_also: no page at ${path}` });
      }
      return found ?? [];
    });

  const built = articles.map(({ path, file, head, body, rendered }): Article => ({
    ...{ path, title: head.title, summary: head.summary, updated: head.updated },
    ...{ slug: path.slice(path.lastIndexOf("/") + 1), pillar: head.pillar, order: head.order },
    ...{ sources: head.sources, seeAlso: seeAlso(head.see_also, file), markdown: body },
    ...{ blocks: rendered.blocks, headings: rendered.headings, text: rendered.text },
    readingMinutes: Math.max(1, Math.round(rendered.text.split(/\s+/).length / WORDS_PER_MINUTE)),
    ...{ previous: null, next: null },
  }));
  const shelves = pillars.map(({ path, head, rendered }): Pillar => {
    const slug = path.slice("/learn/".length);
    const mine = built.filter((article) => article.pillar === slug)
      .sort((a, b) => a.order - b.order || (a.slug < b.slug ? -1 : 1));
    return {
      ...{ path, slug, title: head.title, summary: head.summary, order: head.order },
      blocks: rendered.blocks,
      articles: mine.map((article, i) => ({
        ...article,
        previous: known.get(mine[i - 1]?.path ?? "") ?? null,
        next: known.get(mine[i + 1]?.path ?? "") ?? null,
      })),
    };
  }).sort((a, b) => a.order - b.order);
  const glossary = terms.map(({ path, file, head, rendered }): Term => ({
    ...{ path, title: head.term, summary: head.summary, slug: path.slice("/glossary/".length) },
    ...{ sources: head.sources, seeAlso: seeAlso(head.see_also, file) },
    ...{ blocks: rendered.blocks, text: rendered.text },
  })).sort((a, b) => a.title.localeCompare(b.title, "en"));

  if (problems.length > 0) throw new ContentError(problems);
  const all = shelves.flatMap((pillar) => pillar.articles);
  const byPath = new Map(all.map((article) => [article.path, article]));
  return {
    ...{ pillars: shelves, articles: all, terms: glossary },
    pillar: (slug) => shelves.find((pillar) => pillar.slug === slug) ?? null,
    article: (pillar, slug) => byPath.get(`/learn/${pillar}/${slug}`) ?? null,
    term: (slug) => glossary.find((term) => term.slug === slug) ?? null,
  };
}

function checkPillar(
  { file, head }: Draft<{ pillar: string }>,
  folder: string,
  pillars: ReadonlySet<string>,
  problems: ContentProblem[],
): void {
  const pillar = `/learn/${head.pillar}`;
  if (!pillars.has(pillar)) {
    const choice = [...pillars].map((path) => path.slice("/learn/".length)).join(", ");
    problems.push({ file, line: 2, message: `pillar: no ${head.pillar}: choose of ${choice}` });
  } else if (pillar !== folder) {
    problems.push({
      file,
      line: 2,
      message: `pillar: says ${head.pillar} but stands in ${folder}`,
    });
  }
}

/** Each source is cited, and each citation has its source. */
function checkSources(
  file: string,
  sources: readonly Source[],
  { cited }: Rendered,
  body: string,
  problems: ContentProblem[],
): void {
  sources.forEach((source, i) => {
    if (cited.has(i + 1)) return;
    problems.push({
      ...{ file, line: 2 },
      message: `sources: nothing cites [${i + 1}] ${source.title}: cite it or take it out`,
    });
  });
  for (const n of cited) {
    if (n >= 1 && n <= sources.length) continue;
    problems.push({
      ...{ file, line: lineOf(body, `[${n}]`) },
      message: `[${n}] has no source: there are ${sources.length}`,
    });
  }
}

function checkLinks(
  file: string,
  { links, headings }: Rendered,
  known: ReadonlyMap<string, Linked>,
  problems: ContentProblem[],
): void {
  for (const { href, line } of links) {
    const path = href.replace(/[?#].*$/, "");
    const isHere = href.startsWith("#") && headings.some(({ id }) => id === href.slice(1));
    if (/^https?:/.test(href) || isHere || known.has(path)) continue;
    problems.push({ file, line, message: `link to ${href}: no such page` });
  }
}
