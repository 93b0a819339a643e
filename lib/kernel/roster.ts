/**
 * A set for what comes and goes with every request. A `Set` makes itself a new table every few dozen changes, and each
 * old table keeps hold of the next and of what stood in it: V8's quick collector, which takes an old object for alive,
 * so carries everything that was ever in the set to the old generation. An array is written over.
 */

/** What a roster holds knows its own seat; -1 while it has none. Only its roster writes it. */
export type Seated = { seat: number };

export class Roster<Member extends Seated> implements Iterable<Member> {
  readonly #members: Member[] = [];

  get size(): number {
    return this.#members.length;
  }

  /** Adds a member that stands in no roster. */
  add(member: Member): void {
    member.seat = this.#members.length;
    this.#members.push(member);
  }

  /** Takes a member of this roster out, for the last one to take its seat. Answers false for one that has none. */
  delete(member: Member): boolean {
    const { seat } = member;
    if (seat === -1) return false;
    const last = this.#members.pop();
    if (last !== undefined && last !== member) {
      this.#members[seat] = last;
      last.seat = seat;
    }
    member.seat = -1;
    return true;
  }

  /** Those who are in it now, in no order, whatever becomes of it meanwhile. */
  [Symbol.iterator](): IterableIterator<Member> {
    return this.#members.slice().values();
  }
}
