import type { ConfigurationFile } from "../protocol/checkpoint.ts";

const PROJECTS = "projects/";

/** Claude Code shortens longer names in a way of its own. */
const MAX_ENCODED_CHARACTERS = 200;

/** How Claude Code 2.1.330 names the directory of the conversations that were held in a directory. */
export function projectDirectoryName(directory: string): string {
  return directory.replaceAll(/[^A-Za-z0-9]/g, "-");
}

/**
 * A session's files for a working tree that lies elsewhere now: its path is replaced where it stands in them,
 * and in their names where they are named after it.
 */
export function moveSessionFile<T extends ConfigurationFile>(file: T, from: string, to: string): T {
  if (from === to || from === "" || to === "") return file;
  const path = movePath(file.path, from, to);
  return file.text === undefined
    ? { ...file, path }
    : { ...file, path, text: moveText(file.text, from, to) };
}

/** Replaces a directory's path in a text; not where it is only the beginning of another name. */
export function moveText(text: string, from: string, to: string): string {
  const escaped = from.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
  return text.replaceAll(new RegExp(`${escaped}(?![A-Za-z0-9_-])`, "g"), () => to);
}

function movePath(path: string, from: string, to: string): string {
  const [oldName, newName] = [projectDirectoryName(from), projectDirectoryName(to)];
  if (!path.startsWith(PROJECTS) || newName.length > MAX_ENCODED_CHARACTERS) return path;
  const [name = "", ...rest] = path.slice(PROJECTS.length).split("/");
  if (name !== oldName && !name.startsWith(`${oldName}-`)) return path;
  return [`${PROJECTS}${newName}${name.slice(oldName.length)}`, ...rest].join("/");
}
