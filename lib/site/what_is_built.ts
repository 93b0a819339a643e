/** What is only planned: said in one place, so that no two pages disagree. */

export type Planned = { readonly name: string; readonly about: string };

/** The supplier exchange, step by step. None of it exists. */
export const EXCHANGE_STEPS: readonly Planned[] = [
  {
    name: "Connect",
    about: "One command on your machine opens one outbound connection; no port of yours is opened.",
  },
  {
    name: "Qualify",
    about:
      "The machine is asked to prove its model, its context length and its speed before it gets traffic.",
  },
  {
    name: "Score",
    about:
      "Health, speed and honesty are measured all the time, and you see your score and why it is so.",
  },
  {
    name: "Serve",
    about:
      "Requests are routed by health, price, latency and the client's policy; a failing machine is passed over.",
  },
  {
    name: "Count",
    about:
      "The smaller of your count and the gateway's is billed, and a small share of requests is run a second time elsewhere to compare.",
  },
  { name: "Pay", about: "Statements name the usage rows they are made of." },
];

/** What an operator may miss elsewhere on the site. */
export const NOT_BUILT: readonly Planned[] = [
  {
    name: "Supplier exchange and GPU shopper",
    about: "Machines of other owners, and machines rented across marketplaces.",
  },
  {
    name: "Dashboard",
    about: "Keys, usage and the journal are read on the command line.",
  },
  {
    name: "Continuation after the first byte",
    about: "A stream that breaks midway ends with an error event; no other machine takes it up.",
  },
];
