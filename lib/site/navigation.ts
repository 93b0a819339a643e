/** Where the site's pages are, in the order a visitor meets them. */
export type NavLink = { readonly href: string; readonly label: string };

export const MAIN_NAV: readonly NavLink[] = [
  { href: "/models", label: "Models" },
  { href: "/pricing", label: "Pricing" },
  { href: "/economics", label: "Economics" },
  { href: "/status", label: "Status" },
  { href: "/learn", label: "Learn" },
  { href: "/docs/api", label: "API" },
];

export const FOOTER_NAV: readonly { readonly title: string; readonly links: readonly NavLink[] }[] =
  [
    {
      title: "Product",
      links: [
        { href: "/how-it-works", label: "How it works" },
        { href: "/models", label: "Models" },
        { href: "/pricing", label: "Pricing" },
        { href: "/economics", label: "Economics" },
        { href: "/status", label: "Status" },
      ],
    },
    {
      title: "Read",
      links: [
        { href: "/learn", label: "Learn hub" },
        { href: "/glossary", label: "Glossary" },
        { href: "/faq", label: "Questions" },
        { href: "/docs/api", label: "API reference" },
        { href: "/suppliers", label: "For GPU owners" },
      ],
    },
    {
      title: "For machines",
      links: [
        { href: "/llms.txt", label: "llms.txt" },
        { href: "/api/openapi.json", label: "OpenAPI" },
        { href: "/feed.xml", label: "Atom feed" },
        { href: "/sitemap.xml", label: "Sitemap" },
      ],
    },
  ];

/** Whether `link` is the page at `path`, or the part of the site that holds it. */
export function isCurrent(link: NavLink, path: string): boolean {
  return path === link.href || path.startsWith(`${link.href}/`);
}
