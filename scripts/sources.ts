// Where the project's own sources are.

import { existsSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout that this script was compiled in (scripts run from dist/scripts). */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Top-level folders that hold TypeScript. */
export const SOURCE_FOLDERS = ['bench', 'reports', 'scripts', 'sim'] as const;

/** The TypeScript sources of the source folders below `root`, as sorted paths relative to it, with forward slashes. */
export function sourceFiles(root: string): string[] {
  const folders = SOURCE_FOLDERS.filter((folder) => existsSync(join(root, folder)));
  return folders.flatMap((folder) => typeScriptUnder(join(root, folder)).map((file) => `${folder}/${file}`)).sort();
}

function typeScriptUnder(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.ts')).map((name) => name.split(sep).join('/'));
}
