import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import type { CheckOutcome, Protocol } from '../../sim/index.js';
import { EXAMPLE_PLUGIN, fakeChecker, fakeWorld, naiveCheck } from '../check/checks.fixture.js';
import { loadPlugin } from '../check/index.js';
import { UsageError } from '../errors.js';
import { type CheckRecord, isCheck, readRecords } from '../results/index.js';
import { checkCommand } from './check-command.js';
import type { CheckFlags } from './check-settings.js';

let example: Protocol;
/** The same protocol without the bug that needs store buffers, which the naive search has not. */
let strong: Protocol;
before(async () => {
  example = await loadPlugin(EXAMPLE_PLUGIN);
  strong = { ...example, name: 'strong-request', vcpus: { min: 1, max: 2, usual: 1 }, plants: example.plants.slice(0, 1) };
});

type Flags = Omit<CheckFlags, 'engine' | 'format'> & Partial<CheckFlags>;

async function check(name: string | undefined, flags: Flags = {}, runCheck = naiveCheck): Promise<{ code: number; text: string }> {
  const world = fakeWorld([example, strong], runCheck);
  const code = await checkCommand(name, { engine: 'explore', format: 'text', quiet: true, ...flags }, world);
  return { code, text: world.text() };
}

function temporaryFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mmulab-check-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'checks.ndjson');
}

const checksIn = (path: string): CheckRecord[] => readRecords(path).filter(isCheck);

test('a right version that holds exits 0', async () => {
  const { code, text } = await check('vcpu-request');
  assert.equal(code, 0);
  assert.match(text, /^vcpu-request: holds\n/);
  assert.match(text, /^20 schedules, 0 pruned, 120 steps/m);
});

test('a planted bug that is found exits 20, and its last line replays it', async () => {
  const { code, text } = await check('vcpu-request', { plant: 'check-first' });
  assert.equal(code, 20);
  const lines = text.trimEnd().split('\n');
  assert.equal(lines[0], 'Broken: no-lost-request: The vCPU runs its guest, and nobody kicked it');
  const words = (lines.at(-1) ?? '').split(' ');
  assert.deepEqual(words.slice(0, -1), 'mmulab check vcpu-request --vcpus 1 --plant check-first --replay'.split(' '));

  const again = await check('vcpu-request', { vcpus: '1', plant: 'check-first', replay: words.at(-1) });
  assert.equal(again.code, 20);
  const historyOf = (all: string): string => all.slice(all.indexOf('\nstep'), all.indexOf('\n\n', all.indexOf('\nstep')));
  const traceOf = (all: string): string | undefined => /^Trace (\w{16})/m.exec(all)?.[1];
  assert.ok(historyOf(text).length > 100);
  assert.equal(historyOf(again.text), historyOf(text));
  assert.notEqual(traceOf(text), undefined);
  assert.equal(traceOf(again.text), traceOf(text));
});

test('a replay that breaks nothing exits 0 and shows its history', async () => {
  const { code, text } = await check('vcpu-request', { plant: 'check-first', replay: 'aaabbb' });
  assert.equal(code, 0);
  assert.match(text, /^ +1 {2}touches request$/m);
  assert.match(text, /^Trace \w{16}$/m);
});

test('all protocols: right versions under both memory orders, then planted bugs, each beside what is expected of it', async (t) => {
  const output = temporaryFile(t);
  const { code, text } = await check(undefined, { output, vcpus: '2' });
  assert.equal(code, 20, 'the naive search cannot find no-fence');
  assert.match(text, /^Right versions: 4 hold, 0 broken, 0 unfinished\.\nPlanted bugs: 2 of 3 found\.$/m);
  assert.match(text, /^ {2}no-fence .*NOT FOUND/m);
  const records = checksIn(output);
  assert.deepEqual(
    records.map(({ protocol, plant, verdict, options }) => `${protocol} ${plant?.name ?? 'right'} ${options.vcpus} ${options.memoryOrder} ${verdict}`).sort(),
    [
      'strong-request check-first 2 sc broken',
      'strong-request right 2 sc holds',
      'strong-request right 2 tso holds',
      'vcpu-request check-first 1 sc broken',
      'vcpu-request no-fence 1 tso holds',
      'vcpu-request right 1 sc holds',
      'vcpu-request right 1 tso holds',
    ],
  );
});

test('all protocols exit 0 when right versions hold and planted bugs are found', async (t) => {
  const world = fakeWorld([strong]);
  assert.equal(await checkCommand(undefined, { engine: 'explore', format: 'json', quiet: true, output: temporaryFile(t) }, world), 0);
  assert.equal((JSON.parse(world.text()) as { checks: unknown[] }).checks.length, 3);
});

test('a row that its time cuts off is unfinished: exit 0, with a note, and never holds', async (t) => {
  const slow: typeof naiveCheck = (protocol, options, onProgress) => {
    if (options.plant !== null) return naiveCheck(protocol, options, onProgress);
    const { failure: _failure, ...found } = naiveCheck(protocol, options);
    return { ...found, verdict: 'unfinished' };
  };
  const world = fakeWorld([strong], slow);
  const output = temporaryFile(t);
  assert.equal(await checkCommand(undefined, { engine: 'explore', format: 'text', quiet: true, output }, world), 0);
  assert.match(world.text(), /right, 1 vCPU, sc: unfinished after 20 schedules/);
  assert.match(world.text(), /0 hold, 0 broken, 2 unfinished \(which proves nothing/);
  assert.doesNotMatch(world.text(), /\bholds\b/);
});

test('the deadline of a check is looked at between its schedules', async () => {
  const endless: typeof naiveCheck = (_protocol, _options, onProgress) => {
    const outcome: CheckOutcome = { verdict: 'unfinished', actors: ['a'], schedules: 0, pruned: 0, steps: 0, longest: 0, coarse: 0 };
    while (onProgress?.(outcome) !== false) outcome.schedules++;
    return outcome;
  };
  const { code, text } = await check('vcpu-request', { seconds: '1' }, endless);
  assert.equal(code, 0);
  assert.match(text, /^vcpu-request: unfinished after /);
});

test('one version is saved where --output says so, a second run takes the place of the first, and others stay', async (t) => {
  const output = temporaryFile(t);
  await check('vcpu-request', { output });
  await check('vcpu-request', { output, plant: 'check-first' });
  await check('vcpu-request', { output });
  const records = checksIn(output);
  assert.deepEqual(
    records.map(({ plant }) => plant?.name),
    ['check-first', undefined],
  );
  assert.deepEqual(records[0].failure?.claim, 'no-lost-request');
});

test('one version is not saved by itself', async () => {
  const before = existsSync('results/checks.ndjson');
  await check('vcpu-request');
  assert.equal(existsSync('results/checks.ndjson'), before);
});

test('several vCPUs and memory orders of one protocol are a table', async () => {
  const { code, text } = await check('strong-request', { vcpus: '1..2', memoryOrder: 'sc,tso' });
  assert.equal(code, 0);
  assert.equal(text.match(/^ {2}right .*holds/gm)?.length, 4);
});

test('markdown has a table and the command', async () => {
  const { code, text } = await check('vcpu-request', { plant: 'check-first', format: 'markdown' });
  assert.equal(code, 20);
  assert.match(text, /^\| vcpu-request \| check-first \| sc \| exhaustive \| found: no-lost-request \|/m);
  assert.match(text, /^ {6}mmulab check vcpu-request /m);
});

test('Ctrl-C ends the search, prints what was explored, exits 130, and does not save what was cut off', async (t) => {
  const output = temporaryFile(t);
  await check('strong-request', { output });
  const before = checksIn(output);
  const world = fakeWorld([strong]);
  const openChecker = (stop: AbortSignal) => ({
    ...fakeChecker([strong], stop),
    run: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      world.signals.emit('SIGINT');
      assert.equal(stop.aborted, true);
      const outcome: CheckOutcome = { verdict: 'unfinished', actors: ['vCPU', 'requester'], schedules: 17, pruned: 0, steps: 99, longest: 6, coarse: 0 };
      return { outcome, startedAt: new Date(0).toISOString(), seconds: 1 };
    },
  });
  const code = await checkCommand('strong-request', { engine: 'explore', format: 'text', quiet: true, output }, { ...world, openChecker });
  assert.equal(code, 130);
  assert.match(world.text(), /^strong-request: unfinished after 17 schedules\n/);
  assert.deepEqual(checksIn(output), before);
  assert.equal(world.signals.listenerCount('SIGINT'), 0);
});

test('--list names claims and planted bugs', async () => {
  const { code, text } = await check(undefined, { list: true });
  assert.equal(code, 0);
  for (const part of [/^Protocol vcpu-request: a request reaches/m, /^ {2}no-lost-request +no vCPU stays/m, /^ {2}no-fence .*\(with --memory-order tso\)$/m]) {
    assert.match(text, part);
  }
});

const REFUSED: [string | undefined, Flags, RegExp][] = [
  ['vcpu-reqest', {}, /^Cannot check "vcpu-reqest": no such protocol, expected vcpu-request or strong-request \(did you mean vcpu-request\?\)$/],
  ['vcpu-request', { plant: 'check-frist' }, /^Cannot plant "check-frist" in vcpu-request: no such bug, .*\(did you mean check-first\?\)$/],
  ['vcpu-request', { scheduler: 'exhaustiv' }, /^Cannot use --scheduler: current "exhaustiv", expected .*\(did you mean exhaustive\?\)$/],
  ['vcpu-request', { scheduler: 'replay' }, /^Cannot use --scheduler/],
  ['vcpu-request', { vcpus: '3' }, /^Cannot check vcpu-request with 3 vCPUs: expected 1 \(--vcpus\)$/],
  ['strong-request', { vcpus: '1..3' }, /^Cannot check strong-request with 3 vCPUs: expected from 1 to 2 \(--vcpus\)$/],
  ['vcpu-request', { vcpus: 'x' }, /^Cannot use --vcpus: current "x"/],
  ['vcpu-request', { memoryOrder: 'arm' }, /^Cannot use --memory-order: current "arm", expected sc or tso/],
  ['vcpu-request', { bound: '-1' }, /^Cannot use --bound/],
  ['vcpu-request', { maxSteps: '0' }, /^Cannot use --max-steps: current "0"/],
  ['vcpu-request', { scheduler: 'random', schedules: '0' }, /^Cannot use --schedules: current "0"/],
  ['vcpu-request', { format: 'csv' }, /^Cannot use --format: current "csv", expected text, json or markdown$/],
  ['vcpu-request', { jobs: '0' }, /^Cannot use --jobs: current "0"/],
  ['vcpu-request', { replay: 'ab', scheduler: 'random' }, /^Cannot search and replay at once/],
  ['vcpu-request', { replay: 'ab', memoryOrder: 'sc,tso' }, /^Cannot replay "ab" 2 times/],
  ['vcpu-request', { replay: 'ab', output: 'x.ndjson' }, /^Cannot save a replay/],
  [undefined, { plant: 'check-first' }, /^Cannot use --plant with all protocols/],
  [undefined, { replay: 'ab' }, /^Cannot use --replay with all protocols/],
  [undefined, { engine: 'kvm' }, /^Cannot use --engine: current "kvm", expected explore, virtual or threads$/],
  ['vcpu-request', { engine: 'virtual' }, /^Cannot (check "vcpu-request" with --engine virtual: expected write-protect|stress write-protect)/],
  [undefined, { plugin: 'gone.js' }, /^Cannot use --plugin "gone\.js": no such file/],
];

for (const [name, flags, reason] of REFUSED) {
  test(`mmulab check ${name ?? ''} ${JSON.stringify(flags)} is refused in one line`, async () => {
    await assert.rejects(check(name, flags), (error) => error instanceof UsageError && reason.test(error.message) && !error.message.includes('\n'));
  });
}

test('a results file that is none is refused before anything runs', async (t) => {
  const output = temporaryFile(t);
  writeFileSync(output, '{"name":"x"}\n');
  const refuse = (): never => assert.fail('it ran');
  await assert.rejects(check('vcpu-request', { output }, refuse), /Cannot read results .* line 1 is no mmulab record/);
});
