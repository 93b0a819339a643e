/** Addresses as the system calls take them (`sockaddr`). Pure. Source: ip(7), ipv6(7), unix(7). */
import { isIP } from "node:net";
import { AF_INET, AF_INET6, AF_UNIX, type Libc } from "./libc.ts";
import type { Bytes } from "./wire.ts";

export type SocketAddress = { readonly family: number; readonly bytes: Bytes };

/** `sun_path` with its closing zero. */
const PATH_BYTES_MAX = 108;

/** Of an address in digits, IPv4 or IPv6. Throws for a name. */
export function addressOf(ip: string, port: number): SocketAddress {
  switch (isIP(ip)) {
    case 4: {
      const bytes = new Uint8Array(16);
      begin(bytes, AF_INET, port);
      bytes.set(ip.split(".").map(Number), 4);
      return { family: AF_INET, bytes };
    }
    case 6: {
      const bytes = new Uint8Array(28);
      begin(bytes, AF_INET6, port);
      bytes.set(ipv6Bytes(ip), 8);
      return { family: AF_INET6, bytes };
    }
    default:
      throw new TypeError(`Cannot use ${JSON.stringify(ip)} as an address: it is a name`);
  }
}

/** Of a Unix socket. Throws when the path is too long for one. */
export function unixAddressOf(path: string): SocketAddress {
  const text = new TextEncoder().encode(path);
  if (text.length >= PATH_BYTES_MAX) {
    throw new TypeError(
      `Cannot use ${path}: a socket's path has at most ${PATH_BYTES_MAX - 1} bytes`,
    );
  }
  const bytes = new Uint8Array(2 + text.length + 1);
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(text, 2);
  return { family: AF_UNIX, bytes };
}

/** The port a listening socket was given. */
export function portOf(libc: Libc, fd: number): number {
  const bytes = new Uint8Array(28);
  const length = new Uint32Array([bytes.length]);
  libc.getsockname(fd, bytes, length);
  return new DataView(bytes.buffer).getUint16(2);
}

function begin(bytes: Bytes, family: number, port: number): void {
  const view = new DataView(bytes.buffer);
  view.setUint16(0, family, true);
  view.setUint16(2, port);
}

/** The sixteen bytes of an address that `isIP` took; a zone (`%eth0`) is left out. */
function ipv6Bytes(ip: string): number[] {
  const [plain = ""] = ip.split("%");
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain);
  const hex = (a: string, b: string) => (Number(a) * 256 + Number(b)).toString(16);
  const text = dotted === null
    ? plain
    : `${dotted[1]}${hex(dotted[2] ?? "", dotted[3] ?? "")}:${
      hex(dotted[4] ?? "", dotted[5] ?? "")
    }`;
  const [head = "", tail] = text.split("::");
  const groups = (part: string) => part === "" ? [] : part.split(":");
  const [first, last] = [groups(head), groups(tail ?? "")];
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length;
  return [...first, ...Array<string>(zeros).fill("0"), ...last].flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >> 8, value & 255];
  });
}
