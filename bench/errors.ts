// What the entry file turns into one line on stderr. Everything else is a defect and shows its stack.

/** The user asked for something that cannot be done: one line, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The disk refused what was asked of it: one line, exit code 1. */
export class DiskError extends Error {
  override readonly name = 'DiskError';
}

/** The message of anything thrown, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s*\n\s*/g, ' ').trim();
}

/** The code of a system error such as "ENOENT", or its message where it has none. */
export function systemReason(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return `${error.code} (${reasonOf(error.code)})`;
  return messageOf(error);
}

const REASONS: Record<string, string> = {
  EACCES: 'permission denied',
  EEXIST: 'a file of that name is in the way',
  EISDIR: 'is a folder',
  ENOENT: 'no such file or folder',
  ENOSPC: 'no space left',
  ENOTDIR: 'a file stands where a folder is expected',
  EPERM: 'not permitted',
  EROFS: 'read-only file system',
};

function reasonOf(code: string): string {
  return REASONS[code] ?? 'system error';
}
