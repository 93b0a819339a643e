/** What epoll is asked and what it answers, in words of four bytes. Source: epoll_ctl(2), epoll_wait(2). */

export const IN = 0x1;
export const OUT = 0x4;
export const ERR = 0x8;
export const HUP = 0x10;

export const CTL_ADD = 1;
export const CTL_DEL = 2;
export const CTL_MOD = 3;

/** `struct epoll_event` is packed on x86-64 alone: its size, and where its eight bytes of data begin. */
const IS_PACKED = Deno.build.arch === "x86_64";
export const EVENT_WORDS = IS_PACKED ? 3 : 4;
export const DATA_WORD = IS_PACKED ? 1 : 2;

/** Room for so many events. */
export function eventRoom(count: number): Int32Array<ArrayBuffer> {
  return new Int32Array(count * EVENT_WORDS);
}
