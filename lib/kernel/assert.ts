/** Claims about our own reasoning. Never use them to check what came from outside. */

/** Throws when our own reasoning is wrong. */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new Error(`Broken invariant: ${claim}`);
}

/** Makes the compiler prove that a switch covers every case. */
export function unreachable(value: never): never {
  const text = JSON.stringify(value, (_, part) => typeof part === "bigint" ? `${part}n` : part);
  throw new Error(`Unreachable case: ${text}`);
}
