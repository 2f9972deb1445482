import { posix } from "node:path";
import type { BuildContainer } from "./build-container.ts";
import { packFiles, repack, type ContextFile, type CopyAttributes } from "./copy-archive.ts";
import { DockerfileError, parseJsonForm, splitWords } from "./dockerfile-words.ts";
import type { Instruction } from "./dockerfile.ts";
import type { LayerConfig } from "./image-config.ts";

/** What a COPY takes its files from. */
export interface CopySources {
  readonly config: LayerConfig;
  readonly contextFiles: readonly ContextFile[];
  /** A container of an image, which the copy removes. */
  readonly openImage: (name: string) => Promise<BuildContainer>;
}

interface Copy {
  readonly container: BuildContainer;
  readonly attributes: CopyAttributes;
  readonly destination: string;
  /** Whether a file keeps its name below the destination. */
  readonly intoDirectory: boolean;
}

/**
 * Carries out a COPY: of files from another image, or of files that came with the request.
 * @throws DockerfileError for local files that did not come, patterns, here-documents, and unknown flags
 */
export async function copyInto(
  container: BuildContainer,
  instruction: Instruction,
  { config, contextFiles, openImage }: CopySources,
): Promise<void> {
  const flags = readFlags(instruction);
  if (instruction.heredocs.length > 0) {
    throw new DockerfileError("here-documents are not supported; write RUN cat <<EOF > FILE");
  }
  const words = parseJsonForm(instruction.text) ?? splitWords(instruction.text);
  const last = words.at(-1);
  if (last === undefined || words.length < 2) {
    throw new DockerfileError("takes at least one source and a destination");
  }
  const destination = config.resolvePath(last);
  const copy: Copy = {
    container,
    attributes: copyAttributes(flags.get("chown"), flags.get("chmod")),
    destination,
    intoDirectory:
      words.length > 2 ||
      destination.endsWith("/") ||
      (await container.find(destination))?.isDirectory === true,
  };
  const from = flags.get("from");
  for (const word of words.slice(0, -1)) {
    if (from === undefined) {
      await copyFiles(copy, filesOfRequest(contextFiles, config.expand(word)));
    } else {
      const path = plainPath(config.expand(word));
      await copyFromImage(copy, await openImage(from), path);
    }
  }
}

const KNOWN_FLAGS = new Set(["from", "chown", "chmod", "link"]);

function readFlags({ flags }: Instruction): Map<string, string> {
  const unknown = flags.find(({ name }) => !KNOWN_FLAGS.has(name));
  if (unknown !== undefined) throw new DockerfileError(`--${unknown.name} is not supported`);
  return new Map(flags.map(({ name, value }) => [name, value]));
}

function copyAttributes(chown: string | undefined, chmod: string | undefined): CopyAttributes {
  const [user, group = user] = chown?.split(":") ?? [];
  return {
    ...(user === undefined ? {} : { uid: readNumber("--chown", user, /^\d+$/, 10) }),
    ...(group === undefined ? {} : { gid: readNumber("--chown", group, /^\d+$/, 10) }),
    ...(chmod === undefined ? {} : { mode: readNumber("--chmod", chmod, /^[0-7]{3,4}$/, 8) }),
  };
}

function readNumber(flag: string, text: string, form: RegExp, radix: number): number {
  if (text === "root") return 0;
  if (!form.test(text)) throw new DockerfileError(`${flag} takes numbers here, not "${text}"`);
  return Number.parseInt(text, radix);
}

/** The files that came with the request: one, or those below a directory. */
function filesOfRequest(files: readonly ContextFile[], source: string): ContextFile[] {
  const wanted = posix.join("/", plainPath(source));
  const found = files.flatMap(({ name, data }) => {
    const path = posix.join("/", name);
    if (path === wanted) return [{ name: posix.basename(path), data }];
    const directory = wanted === "/" ? "/" : `${wanted}/`;
    return path.startsWith(directory) ? [{ name: path.slice(directory.length), data }] : [];
  });
  if (found.length > 0) return found;
  throw new DockerfileError(
    `${source} is a local file, which a build does not see; write it in a RUN (echo BASE64 | base64 -d > FILE), or into the sandbox once it runs`,
  );
}

function plainPath(path: string): string {
  if (!/[*?[]/.test(path)) return path;
  throw new DockerfileError(`patterns such as ${path} are not supported; name the directory`);
}

async function copyFiles(copy: Copy, files: readonly ContextFile[]): Promise<void> {
  const { container, attributes, destination } = copy;
  const keepsName = copy.intoDirectory || files.length > 1;
  for (const { name, data } of files) {
    const target = keepsName ? posix.join(destination, name) : destination;
    const directory = posix.dirname(target);
    await container.makeDirectory(directory);
    const file = { name: posix.basename(target), data };
    await container.unpack(directory, packFiles([file], attributes));
  }
}

/** A directory's content goes below the destination, a file takes its place. */
async function copyFromImage(copy: Copy, source: BuildContainer, path: string): Promise<void> {
  const { container, attributes, destination } = copy;
  try {
    const found = await source.find(path);
    if (found === undefined) throw new DockerfileError(`the image has no ${path}`);
    const isFile = !found.isDirectory;
    const target =
      isFile && copy.intoDirectory ? posix.join(destination, posix.basename(path)) : destination;
    const directory = isFile ? posix.dirname(target) : target;
    await container.makeDirectory(directory);
    const rename = (below: string) => {
      if (isFile) return posix.basename(target);
      return below === "" ? undefined : below; // the directory itself is there already
    };
    await container.unpack(directory, repack(await source.pack(found.path), rename, attributes));
  } finally {
    await source.remove();
  }
}
