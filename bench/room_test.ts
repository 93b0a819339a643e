import assert from "node:assert/strict";
import { whileRoom } from "./room.ts";

Deno.test("whileRoom() keeps what came while there was room, and what nobody looked at", () => {
  const stretches = [
    { untilUs: 10, hadRoom: true },
    { untilUs: 20, hadRoom: false },
    { untilUs: 30, hadRoom: true },
  ];
  const kept = whileRoom([1, 2, 3, 4, 5, 6], [5, 10, 11, 20, 21, 31], stretches);
  assert.deepEqual(kept, [1, 2, 5, 6]);
  assert.deepEqual(whileRoom([1, 2], [5, 10], []), [1, 2]);
});
