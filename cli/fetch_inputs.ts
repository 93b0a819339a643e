/** Fetches the inputs of a window from a deployment into a folder. */
import { join } from "node:path";
import { type ManifestFile, manifestShape } from "@/lib/ledger/publication/manifest.ts";
import { MANIFEST_FILE } from "@/lib/ledger/publication/verify.ts";
import { CliError, EXIT } from "./output.ts";

/** While another publication is being made we are asked to come again; this often we do. */
const TRIES_MAX = 12;
const WAIT_S_MAX = 30;
const MANIFEST_BYTES_MAX = 1_000_000;
const FILE_BYTES_MAX = 500_000_000;
const ANSWER_MS_MAX = 300_000;

export type FetchOptions = {
  readonly origin: string;
  readonly query: URLSearchParams;
  /** A folder that is empty, or is made. */
  readonly into: string;
};

/** Throws CliError where it cannot be reached, refuses, or sends more than it said. */
export async function fetchInputs(
  { origin, query, into }: FetchOptions,
  signal: AbortSignal,
): Promise<void> {
  if (!/^https?:\/\//.test(origin) || !URL.canParse(origin)) {
    throw new CliError(EXIT.usage, `Cannot fetch from "${origin}": write https://host`);
  }
  await Deno.mkdir(into, { recursive: true });
  for await (const { name } of Deno.readDir(into)) {
    throw new CliError(EXIT.usage, `Cannot save to ${into}: ${name} is there already`);
  }
  const url = new URL(`/economics/inputs.json?${query}`, origin);
  const text = new TextDecoder().decode(
    await whole(await asked(url, signal), MANIFEST_BYTES_MAX, url),
  );
  const manifest = manifestShape.safeParse(JSON.parse(text));
  if (!manifest.success) {
    throw new CliError(
      EXIT.unreachable,
      `Cannot read the manifest at ${url}: ${manifest.error.message}`,
    );
  }
  const { publication, files } = manifest.data;
  for (const file of files) {
    await save(
      new URL(`/economics/inputs/${publication}/${file.name}`, origin),
      file,
      into,
      signal,
    );
  }
  await Deno.writeTextFile(join(into, MANIFEST_FILE), text);
}

/** The answer, once it is one. */
async function asked(url: URL, signal: AbortSignal): Promise<Response> {
  for (let tries = 1;; tries++) {
    const response = await fetched(url, signal);
    if (response.ok) return response;
    const said = new TextDecoder().decode(await whole(response, MANIFEST_BYTES_MAX, url)).trim();
    const isBusy = response.status === 429 || response.status === 503;
    if (!isBusy || tries >= TRIES_MAX || signal.aborted) {
      throw new CliError(
        EXIT.unreachable,
        `Cannot fetch ${url}: it answers ${response.status} ${said.slice(0, 300)}`,
      );
    }
    const waitS = Math.min(WAIT_S_MAX, Number(response.headers.get("retry-after")) || 1);
    await new Promise((resolve) => setTimeout(resolve, waitS * 1_000));
  }
}

async function fetched(url: URL, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
    });
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new CliError(EXIT.unreachable, `Cannot fetch ${url}: ${said}`, { cause });
  }
}

async function save(
  url: URL,
  { name, bytes }: ManifestFile,
  into: string,
  signal: AbortSignal,
): Promise<void> {
  if (bytes > FILE_BYTES_MAX) {
    throw new CliError(EXIT.unreachable, `Cannot take ${name}: ${bytes} bytes`);
  }
  const { body } = await asked(url, signal);
  const file = await Deno.create(join(into, name));
  await (body ?? new ReadableStream({ start: (end) => end.close() }))
    .pipeThrough(atMost(bytes, url)).pipeTo(file.writable);
}

async function whole(response: Response, bytesMax: number, url: URL): Promise<Uint8Array> {
  const body = response.body?.pipeThrough(atMost(bytesMax, url)) ?? null;
  return new Uint8Array(await new Response(body).arrayBuffer());
}

/** Passes bytes on, and fails at the first one too many: what was zipped may be endless. */
function atMost(bytesMax: number, url: URL) {
  let bytes = 0;
  return new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(part, passOn) {
      bytes += part.length;
      if (bytes <= bytesMax) return passOn.enqueue(part);
      throw new CliError(
        EXIT.unreachable,
        `Cannot take ${url}: it sends more than ${bytesMax} bytes`,
      );
    },
  });
}
