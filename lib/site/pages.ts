/** Every page of the site with its title and its summary: what the sitemap, the previews and llms.txt are made of. */
import type { SiteState } from "./define.ts";
import type { Linked } from "./library.ts";

export type SitePage = {
  /** Canonical. */
  readonly path: string;
  readonly title: string;
  /** One or two sentences; the page's own meta description. */
  readonly description: string;
};

export type ListedPage = SitePage & {
  readonly kind: "page" | "model" | "pillar" | "article" | "term";
  /** The part of the site it belongs to. */
  readonly group: string;
  /** YYYY-MM-DD, where it is known. */
  readonly updated: string | null;
};

const PAGES = [
  {
    path: "/",
    title: "An inference gateway that lets GPUs sleep",
    description:
      "An OpenAI-compatible gateway that wakes a sleeping GPU machine when a request needs it.",
    group: "Inference gateway",
  },
  {
    path: "/how-it-works",
    title: "How it works",
    description:
      "The path of one request through the gateway, what happens while a GPU wakes, what is written down, and what is measured.",
    group: "Product",
  },
  {
    path: "/models",
    title: "Models",
    description: "What can be asked for, the state it is in, and what it costs.",
    group: "Product",
  },
  {
    path: "/pricing",
    title: "Pricing",
    description: "Prices by tier, model and band, with the arithmetic of spot against standard.",
    group: "Product",
  },
  {
    path: "/economics",
    title: "Economics",
    description: "What the tokens really cost, folded from the provider's own bills.",
    group: "Product",
  },
  {
    path: "/economics/method",
    title: "How the figures are made",
    description:
      "The exact SQL behind every published figure, its inputs, and how to run it again.",
    group: "Economics",
  },
  {
    path: "/economics/inputs",
    title: "The inputs of the figures",
    description:
      "The rows behind every published figure as CSV, sealed by day, and the program that works them out again.",
    group: "Economics",
  },
  {
    path: "/status",
    title: "Status",
    description: "Each machine's place, and the wakes that are going on, phase by phase.",
    group: "Product",
  },
  {
    path: "/docs/api",
    title: "API reference",
    description:
      "Endpoints, fields, headers, errors and limits, made from the same schemas that check requests.",
    group: "Reference",
  },
  {
    path: "/faq",
    title: "Questions",
    description:
      "Short answers for AI teams, GPU owners and operators: cold starts, retries, cost, data, what is built and what is not.",
    group: "Reference",
  },
  {
    path: "/suppliers",
    title: "For GPU owners",
    description:
      "What a GPU owner can connect today, what the supplier exchange will add, and what is not built yet.",
    group: "GPU supply",
  },
  {
    path: "/learn",
    title: "Learn",
    description:
      "Articles on inference economics, reliability, engines, integration and GPU supply.",
    group: "Learn hub",
  },
  {
    path: "/glossary",
    title: "Glossary",
    description: "The words of inference and of this gateway, one meaning each.",
    group: "Learn hub",
  },
] as const satisfies readonly (SitePage & { group: string })[];

/** The pages beside the hub, as its articles may link to them. */
export const FIXED_PAGES: readonly Linked[] = PAGES.map(({ path, title, description }) => ({
  path,
  title,
  summary: description,
}));

type FixedPath = (typeof PAGES)[number]["path"];

/** Title, description and path of a fixed page. */
export function sitePage(path: FixedPath): SitePage {
  const found = PAGES.find((page) => page.path === path);
  if (found === undefined) throw new Error(`unreachable: ${path} is one of PAGES by its type`);
  return { path, title: found.title, description: found.description };
}

/** Every page there is, in the order a reader meets them. */
export function listedPages(
  { lineup, library }: Pick<SiteState, "lineup" | "library">,
): ListedPage[] {
  return [
    ...PAGES.map((page): ListedPage => ({ ...page, kind: "page", updated: null })),
    ...lineup.models.map((model): ListedPage => ({
      kind: "model",
      path: `/models/${model.id}`,
      title: model.name,
      description: model.description === ""
        ? `${model.name} by ${model.vendor}: state, price and how to call it.`
        : model.description,
      group: "Models",
      updated: null,
    })),
    ...library.pillars.flatMap((pillar): ListedPage[] => [
      { ...listed(pillar), kind: "pillar", group: pillar.title, updated: null },
      ...pillar.articles.map((article): ListedPage => ({
        ...listed(article),
        ...{ kind: "article", group: pillar.title, updated: article.updated },
      })),
    ]),
    ...library.terms.map((term): ListedPage => ({
      ...listed(term),
      ...{ kind: "term", group: "Glossary", updated: null },
    })),
  ];
}

const listed = ({ path, title, summary }: Linked): SitePage => ({
  path,
  title,
  description: summary,
});
