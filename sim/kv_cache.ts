/** KV memory in blocks of 16 tokens, shared by prompts that begin alike. Nothing here knows about time. */

import { hash32 } from "./random.ts";

export const BLOCK_TOKENS = 16;

/** What one sequence holds. */
export type Holding = {
  /** Shared blocks, by the hash of everything up to their end. */
  hashes: number[];
  /** Blocks of its own: the unfilled one and what it wrote. */
  own: number;
};

/** One hash per full block of `tokens`; each covers all tokens before it, and the salt. */
export function blockHashes(tokens: readonly string[], salt: string): number[] {
  const hashes: number[] = [];
  let high = hash32(salt);
  let low = hash32(salt, 0x9dc5811c);
  for (let end = BLOCK_TOKENS; end <= tokens.length; end += BLOCK_TOKENS) {
    const block = tokens.slice(end - BLOCK_TOKENS, end).join("\u0000");
    high = hash32(block, high);
    low = hash32(block, low);
    hashes.push(high * 0x200000 + (low & 0x1fffff));
  }
  return hashes;
}

/** The blocks of one GPU. */
export class KvCache {
  readonly capacity: number;
  readonly #caching: boolean;
  readonly #held = new Map<number, number>();
  /** Full blocks nobody holds, oldest first: reusable, and the first to go. */
  readonly #idle = new Set<number>();
  #own = 0;

  constructor(capacity: number, caching: boolean) {
    this.capacity = capacity;
    this.#caching = caching;
  }

  /** Share of the blocks that requests hold now, 0 to 1. */
  usage(): number {
    return this.capacity === 0 ? 0 : (this.#held.size + this.#own) / this.capacity;
  }

  /** How many tokens of a prompt need no prefill: whole blocks, and never the last token. */
  cachedTokens(hashes: readonly number[], promptTokens: number): number {
    if (!this.#caching) return 0;
    let blocks = 0;
    while (blocks < hashes.length && this.#knows(hashes[blocks])) blocks++;
    const blocksMax = Math.floor(Math.max(promptTokens - 1, 0) / BLOCK_TOKENS);
    return Math.min(blocks, blocksMax) * BLOCK_TOKENS;
  }

  /** Takes blocks for `tokens`, of which `hashes` may be shared; null when they do not fit. */
  take(hashes: readonly number[], tokens: number): Holding | null {
    const shared = this.#caching ? hashes : [];
    const own = Math.ceil(tokens / BLOCK_TOKENS) - shared.length;
    const fresh = shared.filter((hash) => !this.#held.has(hash)).length + Math.max(own, 0);
    if (this.#held.size + this.#own + fresh > this.capacity) return null;
    for (const hash of shared) {
      this.#idle.delete(hash);
      this.#held.set(hash, (this.#held.get(hash) ?? 0) + 1);
    }
    this.#own += Math.max(own, 0);
    this.#evict();
    return { hashes: [...shared], own: Math.max(own, 0) };
  }

  /** Gives a sequence one more block; false when there is none. */
  grow(holding: Holding): boolean {
    if (this.#held.size + this.#own + 1 > this.capacity) return false;
    holding.own++;
    this.#own++;
    this.#evict();
    return true;
  }

  /** Takes everything back; the full blocks of `written` stay for whoever begins the same way. */
  release(holding: Holding, written: readonly number[]): void {
    for (const hash of holding.hashes) {
      const left = (this.#held.get(hash) ?? 1) - 1;
      if (left > 0) this.#held.set(hash, left);
      else {
        this.#held.delete(hash);
        this.#remember(hash);
      }
    }
    this.#own -= holding.own;
    for (const hash of written) if (!this.#held.has(hash)) this.#remember(hash);
    this.#evict();
    holding.hashes = [];
    holding.own = 0;
  }

  /** Forgets every block nobody holds. */
  forget(): void {
    this.#idle.clear();
  }

  #knows(hash: number | undefined): boolean {
    return hash !== undefined && (this.#held.has(hash) || this.#idle.has(hash));
  }

  #remember(hash: number): void {
    if (!this.#caching) return;
    this.#idle.delete(hash);
    this.#idle.add(hash);
  }

  #evict(): void {
    for (const hash of this.#idle) {
      if (this.#held.size + this.#own + this.#idle.size <= this.capacity) return;
      this.#idle.delete(hash);
    }
  }
}
