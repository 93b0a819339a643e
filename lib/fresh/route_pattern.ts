/** From a route file's path to what it matches and which of two routes goes first. Pure. */

export type RoutePattern = {
  /** As Fresh writes it in `ctx.route`: `/blog/:slug`, `/docs{/:version}?`, `/files/:path*`. */
  pattern: string;
  /** True when there is no parameter, so that a map can find it. */
  isStatic: boolean;
  /** Two routes with one shape match the same URLs. */
  shape: string;
  /** Params of a path that matches, else null. The path is percent-encoded, as in a URL. */
  match(pathname: string): Record<string, string> | null;
};

type Segment =
  | { kind: "literal"; text: string }
  | { kind: "mixed"; parts: (string | { name: string })[] }
  | { kind: "param"; name: string }
  | { kind: "optional"; name: string }
  | { kind: "rest"; name: string };

/** More specific first. A path's end comes before what can match nothing. */
const RANK = { literal: "1", mixed: "2", param: "3", optional: "4", rest: "5" };

/**
 * Parses `blog/[slug]`, `docs/[[version]]/index`, `(group)/files/[...path]`, `[id].json`, without extension.
 * Throws when a bracket is not closed, an optional parameter is not a whole segment, or two parameters touch.
 */
export function routePattern(file: string): RoutePattern {
  const segments = segmentsOf(file);
  const shape = "/" + segments.map(shapeOf).join("/");
  const isStatic = segments.every((segment) => segment.kind === "literal");
  const pattern = segments.map(patternOf).join("") || "/";
  if (isStatic) {
    return { pattern, isStatic, shape, match: (pathname) => pathname === pattern ? {} : null };
  }
  const expression = new RegExp(`^${segments.map(expressionOf).join("")}$`);
  const names = segments.flatMap(namesOf);
  return { pattern, isStatic, shape, match: (pathname) => matchWith(expression, names, pathname) };
}

/** Sorts shapes so that the first match is the most specific one. */
export function compareShapes(a: string, b: string): number {
  const left = a.split("/").slice(1);
  const right = b.split("/").slice(1);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [x = "", y = ""] = [left[i], right[i]];
    if (x !== y) return x < y ? -1 : 1;
  }
  return left.length - right.length;
}

function segmentsOf(file: string): Segment[] {
  const names = file.split("/").filter((name) => !/^\(.*\)$/.test(name));
  if (names.at(-1) === "index") names.pop();
  return names.map((name) => segmentOf(name, file));
}

function segmentOf(name: string, file: string): Segment {
  const whole = /^\[(\[|\.\.\.)?([^[\].]+)(\])?\]$/.exec(name);
  if (whole !== null) {
    const [, opening, param = "", closing] = whole;
    if (opening === "..." && closing === undefined) return { kind: "rest", name: param };
    if (opening === "[" && closing === "]") return { kind: "optional", name: param };
    if (opening === undefined && closing === undefined) return { kind: "param", name: param };
  }
  if (!/[[\]]/.test(name)) return { kind: "literal", text: encodeURI(name) };
  const parts = name.split(/(\[[^[\]]+\])/).filter((part) => part !== "").map((part) =>
    part.startsWith("[") && part.endsWith("]") ? { name: part.slice(1, -1) } : part
  );
  const touching = parts.some((part, i) =>
    typeof part !== "string" && typeof parts[i + 1] === "object"
  );
  const broken = parts.some((part) =>
    typeof part === "string" ? /[[\]]/.test(part) : part.name.startsWith("...")
  );
  if (touching || broken) {
    throw new Error(
      `Cannot route "${file}": write a segment as name, [param], [[optional]], [...rest] or [a]-[b]`,
    );
  }
  return { kind: "mixed", parts };
}

function shapeOf(segment: Segment): string {
  switch (segment.kind) {
    case "literal":
      return RANK.literal + segment.text;
    case "mixed":
      return RANK.mixed +
        segment.parts.map((part) => typeof part === "string" ? part : ":").join("");
    default:
      return RANK[segment.kind];
  }
}

function patternOf(segment: Segment): string {
  switch (segment.kind) {
    case "literal":
      return "/" + segment.text;
    case "mixed":
      return "/" +
        segment.parts.map((part) => typeof part === "string" ? part : `:${part.name}`).join("");
    case "param":
      return `/:${segment.name}`;
    case "optional":
      return `{/:${segment.name}}?`;
    case "rest":
      return `/:${segment.name}*`;
  }
}

function expressionOf(segment: Segment): string {
  switch (segment.kind) {
    case "literal":
      return "/" + escaped(segment.text);
    case "mixed":
      return "/" +
        segment.parts.map((part) =>
          typeof part === "string" ? escaped(encodeURI(part)) : "([^/]+?)"
        ).join("");
    case "param":
      return "/([^/]+)";
    case "optional":
      return "(?:/([^/]+))?";
    case "rest":
      return "(?:/([^/]+(?:/[^/]+)*))?";
  }
}

function namesOf(segment: Segment): string[] {
  if (segment.kind === "literal") return [];
  if (segment.kind !== "mixed") return [segment.name];
  return segment.parts.flatMap((part) => typeof part === "string" ? [] : [part.name]);
}

function matchWith(
  expression: RegExp,
  names: string[],
  pathname: string,
): Record<string, string> | null {
  // The root path is the only one that ends in a slash: to [[optional]] and [...rest] it is nothing.
  const found = expression.exec(pathname === "/" ? "" : pathname);
  return found === null ? null : decodedParams(names.map((name, i) => [name, found[i + 1]]));
}

/** Decodes params as Fresh does; null when a percent sign starts no escape, which names nothing. */
export function decodedParams(
  entries: [string, string | undefined][],
): Record<string, string> | null {
  // Without a prototype: a parameter may be named "constructor".
  const params: Record<string, string> = Object.create(null);
  try {
    for (const [name, value] of entries) params[name] = decodeURI(value ?? "");
  } catch {
    return null;
  }
  return params;
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
