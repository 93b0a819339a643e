/** Tests of socket_address.ts. */
import assert from "node:assert/strict";
import { addressOf, unixAddressOf } from "./socket_address.ts";

const hex = (bytes: Uint8Array) => bytes.toHex();

Deno.test("addressOf() writes IPv4 as ip(7) has it", () => {
  const { family, bytes } = addressOf("127.0.0.1", 8080);
  assert.deepEqual([family, hex(bytes)], [2, "02001f907f0000010000000000000000"]);
});

Deno.test("addressOf() writes IPv6 as ipv6(7) has it, however it is abbreviated", () => {
  const of = (ip: string) => hex(addressOf(ip, 443).bytes).slice(16, 48);
  assert.equal(addressOf("::1", 443).family, 10);
  assert.equal(hex(addressOf("::1", 443).bytes).slice(0, 16), "0a0001bb00000000");
  assert.equal(of("::1"), "00000000000000000000000000000001");
  assert.equal(of("::"), "00000000000000000000000000000000");
  assert.equal(
    of("2001:db8::8a2e:370:7334"),
    "20010db8000000000000" + "8a2e03707334".padStart(12, "0"),
  );
  assert.equal(of("fe80::1%eth0"), "fe800000000000000000000000000001");
  assert.equal(of("::ffff:192.0.2.33"), "00000000000000000000ffffc0000221");
  assert.equal(of("1:2:3:4:5:6:7:8"), "00010002000300040005000600070008");
});

Deno.test("addressOf() throws for a name", () => {
  assert.throws(() => addressOf("localhost", 80), /it is a name/);
});

Deno.test("unixAddressOf() writes the path and its zero, and refuses one that is too long", () => {
  assert.equal(hex(unixAddressOf("/a").bytes), "01002f6100");
  assert.equal(unixAddressOf("x".repeat(107)).bytes.length, 110);
  assert.throws(() => unixAddressOf("x".repeat(108)), /at most 107 bytes/);
});
