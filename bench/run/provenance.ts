// Where results were made: the commit of mmulab, and the host.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Provenance } from './record.js';

const PACKAGE_ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** The commit ('unknown' outside a checkout, with '+dirty' when tracked files were modified) and the host that this process runs on. */
export function findProvenance(): Provenance {
  return {
    commit: commitOf(PACKAGE_ROOT),
    host: {
      node: process.version,
      platform: process.platform,
      arch: process.arch,
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryBytes: totalmem(),
    },
  };
}

function commitOf(folder: string): string {
  // Without this, a package in node_modules would take the commit of the project around it.
  if (!existsSync(join(folder, '.git'))) return 'unknown';
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    const modified = git('status', '--porcelain', '--untracked-files=no') !== '';
    return `${git('rev-parse', 'HEAD')}${modified ? '+dirty' : ''}`;
  } catch {
    return 'unknown';
  }
}
