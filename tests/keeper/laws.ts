/** A law of the fleet that a run broke. */
export class LawBroken extends Error {
  override readonly name = "LawBroken";
}

/** Ends the run: what happened must never happen. */
export function broken(what: string): never {
  throw new LawBroken(what);
}
