#!/usr/bin/env node
// The mmulab command. What is thrown becomes one line and an exit code here, and nowhere else.

import { CommanderError } from 'commander';
import { makeProgram } from './cli/program.js';
import { DiskError, messageOf, UsageError } from './errors.js';

const USAGE = 2;
const FAILURE = 1;

/** Runs the command line and returns the exit code. */
async function main(argv: string[]): Promise<number> {
  try {
    const program = await makeProgram(argv.slice(2));
    await program.parseAsync(argv.length > 2 ? argv : [...argv, '--help']);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return await explain(error);
  }
}

async function explain(error: unknown): Promise<number> {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    process.stderr.write(`mmulab: ${await usageLine(error.message)}\n`);
    return USAGE;
  }
  if (error instanceof UsageError || error instanceof DiskError) {
    process.stderr.write(`mmulab: ${messageOf(error)}\n`);
    return error instanceof UsageError ? USAGE : FAILURE;
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  if (error instanceof Error && error.cause instanceof Error) process.stderr.write(`Caused by: ${error.cause.stack ?? error.cause.message}\n`);
  return FAILURE;
}

/** commander's "error: unknown option '--x'\n(Did you mean --y?)" on one line, in our words. */
async function usageLine(message: string): Promise<string> {
  const line = messageOf(message).replace(/^error: /, '');
  const letter = /^unknown option '(-[a-z])'/.exec(line)?.[1];
  if (letter !== undefined && !(await namesOneSuite()))
    return `Unknown option '${letter}': letters belong to one suite (mmulab run <suite> ${letter} ...); see mmulab run <suite> --help`;
  const long = /^unknown option '--([\w-]+)/.exec(line)?.[1];
  const owner = long === undefined || !process.argv.includes('run') ? undefined : (await import('./cli/suite-options.js')).whoseOption(long, process.argv);
  if (owner !== undefined) return owner;
  return `${line.charAt(0).toUpperCase()}${line.slice(1)}${line.includes('(Did you mean') ? '' : '; see mmulab --help'}`;
}

async function namesOneSuite(): Promise<boolean> {
  const { namedSuites } = await import('./cli/suite-options.js');
  return namedSuites(process.argv).length === 1;
}

/** A reader that has seen enough (mmulab show ... | head) is no error, and progress that nobody reads ends no run. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (stream === process.stdout) process.exit(0);
  });
}

process.exitCode = await main(process.argv);
