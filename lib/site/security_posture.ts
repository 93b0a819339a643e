/** What the gateway does for the safety of those who use it, as far as its own code goes. */

export type Posture = { readonly name: string; readonly about: string };

export const SECURITY: readonly Posture[] = [
  {
    name: "Keys",
    about:
      "Stored as SHA-256 only and shown once. A key may expire, be bound to models, and be limited in requests and tokens a minute. A revocation reaches every replica by a database notification.",
  },
  {
    name: "Prompts and answers",
    about:
      "Held in memory while they pass, never written to the log or the database, and never quoted in an error. What is kept is a usage row: counts, times, model, tier, machine, and how the request ended.",
  },
  {
    name: "Between tenants",
    about:
      "The engine's prefix cache is salted by account on chat, completions and responses, so nobody can time another's prompts. Fields by which a request could jump the queue or reach past itself are taken out.",
  },
  {
    name: "Bounds",
    about:
      "Bodies, headers, held requests, attempts, streams and waits all have limits, and each limit has an error of its own.",
  },
  {
    name: "This site",
    about:
      "A strict content security policy without inline code; no request leaves the origin; no cookies, no analytics. Your choice of colours stays in your browser.",
  },
  {
    name: "The database",
    about:
      "The built-in PostgreSQL listens on a private Unix socket and on no port. With a database of your own, its safety is yours.",
  },
  {
    name: "Left to the operator",
    about:
      "TLS ends at a proxy in front. A local tier runs whatever command the configuration names, so the service itself should be confined.",
  },
];
