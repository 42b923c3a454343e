// Runs the commands that the documents show, each document's in one temporary folder and in the order in which they stand there.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ROOT } from './sources.js';

const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'docs/how-to-read-a-number.md', 'docs/checking-an-idea.md'];

/** Commands that take long, install, or would run this test within itself. */
const NOT_RUN = ['npm ci && npm start', 'npm cit', 'npm run ok', 'npm run fix', 'npm run bench', 'npx mmulab check'];

/** What `mmulab check` ends with when a claim breaks, as it must with a planted bug. */
const BROKEN = 20;

const COMMAND_SECONDS_MAX = 120;

/** The command lines of a document's fenced `sh` blocks, with continued lines joined and comments removed. */
function commandsOf(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1].replaceAll('\\\n', ' '));
  return blocks
    .flatMap((block) => block.split('\n'))
    .map((line) => line.replace(/(^|\s)#.*/, '').trim())
    .filter((line) => line !== '');
}

/** Arguments of a command line without quotes, pipes or variables: what the documents keep to. */
function argumentsOf(command: string): string[] {
  assert.match(command, /^[\w\s./,=%*+:-]+$/, `"${command}" needs a shell, which this test does not use`);
  return command.split(/\s+/);
}

async function runCommand(command: string, folder: string): Promise<void> {
  const [program, name, ...args] = argumentsOf(command);
  assert.deepEqual([program, name], ['npx', 'mmulab'], `"${command}" is neither mmulab nor in the list of commands that are not run`);
  const cli = join(ROOT, 'dist/bench/index.js');
  const ended = promisify(execFile)(process.execPath, [cli, ...args], { cwd: folder, timeout: COMMAND_SECONDS_MAX * 1000 });
  const { stdout, stderr, code } = await ended.then(
    (output) => ({ ...output, code: 0 }),
    (error: { stdout: string; stderr: string; code: unknown }) => error,
  );
  assert.deepEqual([code, stderr], [args.includes('--plant') ? BROKEN : 0, code === 0 ? stderr : ''], `"${command}"`);
  assert.notEqual(stdout + stderr, '', `"${command}" printed nothing`);
}

for (const document of DOCUMENTS) {
  test(`the commands shown in ${document} work`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'mmulab-readme-'));
    t.after(() => rmSync(folder, { recursive: true }));
    cpSync(join(ROOT, 'docs/examples'), join(folder, 'docs/examples'), { recursive: true });
    for (const command of commandsOf(readFileSync(join(ROOT, document), 'utf8'))) {
      if (!NOT_RUN.includes(command)) await t.test(command, () => runCommand(command, folder));
    }
  });
}

test("the guide's example is the file that it names", () => {
  const guide = readFileSync(join(ROOT, 'docs/checking-an-idea.md'), 'utf8');
  assert.ok(guide.includes(`\n\`\`\`js\n${readFileSync(join(ROOT, 'docs/examples/my-protocol.mjs'), 'utf8')}\`\`\`\n`));
});

test('the README shows the two commands', () => {
  const commands = commandsOf(readFileSync(join(ROOT, 'README.md'), 'utf8'));
  assert.deepEqual(commands.slice(0, 2), ['npm ci && npm start', 'npm cit']);
});

test('each npm script that the documents show exists', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  for (const command of NOT_RUN) {
    const name = /^npm run (\S+)$/.exec(command)?.[1];
    assert.ok(name === undefined || scripts[name], `package.json has no script "${name}"`);
  }
});
