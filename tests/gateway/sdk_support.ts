/** What the tests of the official SDKs share. */
import { startTestGateway } from "./support.ts";

export const messages = [{ role: "user" as const, content: "Hello" }];
export const CHAT = { model: "m", messages, max_tokens: 6 };
export const PARAMETERS = {
  type: "object" as const,
  properties: { city: { type: "string" as const } },
  required: ["city"],
};
export const CALL = [{ role: "user" as const, content: "Please call get_weather" }];

/** Model m is served; `cold` has a machine that never answers. */
export const startSdkGateway = () =>
  startTestGateway({
    tiers: {
      a: { engine: {} },
      cold: { url: "http://127.0.0.1:9", serves: "{ cold: m }", cold: true },
    },
    models: ["m", "cold"],
    gateway: "{ attempts: 1, wake_cap: 400ms, body_max_mb: 1 }",
  });

export async function caught(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not throw");
}
