/** Recorded exchanges with vLLM: how they are kept in `tests/recordings/<profile>/<name>.txt`. */
import type { ProfileName } from "@/sim/profile.ts";

export type Recording = {
  readonly path: string;
  /** The request's body, as one line of JSON. */
  readonly body: string;
  readonly contentType: string;
  /** The answer's body, byte for byte. */
  readonly answer: string;
};

const FOLDER = new URL("../recordings/", import.meta.url);

/** Request line, body and content type, a blank line, then the answer's body to the end of the file. */
export function writeRecording(
  profile: ProfileName,
  name: string,
  { path, body, contentType, answer }: Recording,
): void {
  Deno.mkdirSync(new URL(`${profile}/`, FOLDER), { recursive: true });
  const text = `POST ${path}\n${body}\ncontent-type: ${contentType}\n\n${answer}`;
  Deno.writeTextFileSync(new URL(`${profile}/${name}.txt`, FOLDER), text);
}

export function readRecording(profile: ProfileName, name: string): Recording {
  const text = Deno.readTextFileSync(new URL(`${profile}/${name}.txt`, FOLDER));
  const parts = /^POST (\S+)\n(.*)\ncontent-type: (.*)\n\n/.exec(text);
  const [head = "", path = "", body = "", contentType = ""] = parts ?? [];
  if (parts === null) throw new Error(`${profile}/${name}.txt is no recording`);
  return { path, body, contentType, answer: text.slice(head.length) };
}

/** What is recorded of each profile, without the suffix that says how usage was asked for. */
export function namesOf(
  profile: ProfileName,
): { chunks: string[]; typed: string[]; whole: string[] } {
  const names = [...Deno.readDirSync(new URL(`${profile}/`, FOLDER))]
    .map((entry) => entry.name.replace(/\.txt$/, "")).sort();
  return {
    chunks: names.filter((name) => name.endsWith(".plain")).map((name) => name.slice(0, -6)),
    typed: names.filter((name) => /^(responses|messages).*\.stream$/.test(name)),
    whole: names.filter((name) => name.endsWith(".whole")),
  };
}
