import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResultRecord } from '../../bench/results/index.js';
import { allCells, comparePosts } from '../match.js';
import { fixtureTime } from '../records.fixture.js';
import { fixtureRate, hostileUserfault, pagingRecord, postCopyRecord, userfaultFixture, userfaultQuestionsFixture } from '../userfault.fixture.js';
import { type Answer, type ComparedNumber, USERFAULT_QUESTIONS } from './index.js';
import { networkNs } from './network.js';
import { configurationsOf } from './userfault-cells.js';

const RATE = 'per_vcpu_demand_paging_rate';

function ask(id: string, records: readonly ResultRecord[]): Answer | undefined {
  const question = USERFAULT_QUESTIONS.find((one) => one.id === id);
  assert.ok(question !== undefined, id);
  return question.answer(records, compared(records));
}

function answerOf(id: string, records: readonly ResultRecord[]): Answer {
  const answer = ask(id, records);
  assert.ok(answer !== undefined, id);
  return answer;
}

function compared(records: readonly ResultRecord[]): ComparedNumber[] {
  return allCells(comparePosts(records)[2].tables).map(({ published, simulated }) => ({
    fields: published.fields,
    published: published.value,
    simulated: simulated?.value,
    record: simulated?.record,
  }));
}

/** A stall of one configuration at some vCPU counts: microseconds by count. */
function stalls(byVcpus: Record<number, number>, options: ResultRecord['options'] = {}): ResultRecord[] {
  return Object.entries(byVcpus).map(([vcpus, us]) =>
    postCopyRecord({ vcpus: Number(vcpus), ...options }, { stall_p50: fixtureTime([us * 1000], 'exact'), stall_p99: fixtureTime([3000 * us], 'exact') }),
  );
}

test('every question is answered when its cells are there, and says how to run it otherwise', () => {
  const records = [...userfaultFixture(), ...userfaultQuestionsFixture()];
  for (const { id, command } of USERFAULT_QUESTIONS) {
    assert.ok(command?.startsWith('mmulab run '), id);
    assert.equal(ask(id, []), undefined, id);
    // The fixture goes on beyond 64 vCPUs with shmem alone.
    if (id === 'growth-demand-paging-x86-anonymous') continue;
    const { rows, columns, sentence } = answerOf(id, records);
    assert.ok(rows.length > 0, id);
    assert.match(sentence, /\.$/, id);
    assert.doesNotMatch(sentence, /NaN|undefined|Infinity/, id);
    for (const row of rows) assert.equal(row.length, columns.length, id);
  }
});

test('hostile options break no answer', () => {
  for (const { id } of USERFAULT_QUESTIONS) assert.doesNotMatch(ask(id, hostileUserfault())?.sentence ?? '', /NaN|undefined|Infinity/, id);
});

test('takeaways: all of them hold for the published numbers, and for what is as they are', () => {
  const { rows, sentence } = answerOf(
    'question-takeaways',
    userfaultFixture(() => 1),
  );
  assert.equal(rows.length, 18);
  for (const [statement, table, , published, , holds] of rows) {
    assert.ok(typeof published === 'number' && published > 1, `${String(statement)}, ${String(table)}`);
    assert.equal(holds, 'yes');
  }
  assert.match(sentence, /KVM UF wins without contention: 5 of 5 .*slower with more readers: 9 of 9 .*sharded userfaultfds scale: 4 of 4/);
});

test('takeaways: a simulation in which more readers help is caught, and half of one says what is missing', () => {
  const helped = userfaultFixture(({ fields }) => (fields.mode === 'MINOR' && fields.vcpus === '64' && fields.userfaultfds === 'single' ? 10 : 1));
  const { rows } = answerOf('question-takeaways', helped);
  const readers = rows.filter(([statement]) => statement === 'more readers are slower').map(([, table, , , , holds]) => [table, holds]);
  assert.deepEqual(readers, [
    ['x86 anonymous, single', 'yes'],
    ['x86 shmem, single', 'no (published: yes)'],
    ['arm64 shmem, single', 'no (published: yes)'],
  ]);
  const x86 = answerOf(
    'question-takeaways',
    userfaultFixture().filter(({ profile }) => profile.name.startsWith('x86')),
  );
  assert.match(x86.sentence, /KVM UF wins without contention: 3 of 3 ratios are above 1 \([^)]*, 2 not simulated\)/);
  assert.equal(x86.rows.length, 18 - 7, 'the rows of arm64 are left out');
});

test('beyond 64 vCPUs: nothing while the cells end where the tables do', () => {
  const id = 'growth-demand-paging-x86-shmem';
  assert.equal(ask(id, userfaultFixture()), undefined);
  const more = [...userfaultFixture(() => 1), pagingRecord({ vcpus: 512, readers: 1 }, { metrics: { [RATE]: fixtureRate(811) } })];
  const { sentence, rows, chart } = answerOf(id, more);
  assert.equal(sentence, 'From 64 to 512 vCPUs the rate of one vCPU falls 4.00 times with MINOR, one reader (all together: 2.00 times the pages).');
  assert.deepEqual(
    rows.map(([vcpus]) => vcpus),
    [2, 8, 64, 512],
  );
  assert.equal(chart?.lines.length, 6, 'as many lines as colours');
  assert.ok(!chart?.lines.some(({ name }) => name === 'MINOR, uffd per vCPU + KVM UF'), 'the least interesting one is left to the table');
});

test('contention: the crossing stands between two counts, on logarithmic axes', () => {
  const rising = stalls({ 4: 40, 16: 70, 64: 190 });
  const flat = stalls({ 4: 31, 64: 40 }, { singleUffd: false });
  const { sentence, chart, rows } = answerOf('question-contention', [...rising, ...flat]);
  assert.match(
    sentence,
    /^The rest of a median stall \(locks, queues and work\) becomes longer than the 30\.00 µs of the network with MINOR, one reader between 4 and 16 vCPUs \(about 12\); with MINOR, uffd per vCPU not up to 64 vCPUs\. /,
  );
  assert.match(
    sentence,
    /99th percentile becomes longer than the 30\.00 µs of the network with MINOR, one reader and MINOR, uffd per vCPU at 4 vCPUs already\.$/,
  );
  assert.deepEqual(chart?.levels, [{ name: 'the network alone, 30.00 µs', value: 30_000 }]);
  assert.deepEqual(rows[1].slice(0, 2), ['MINOR, one reader', 16]);
  assert.deepEqual([rows[1][3], rows[1][6]], [40_000, undefined]);
});

test('contention: waits for locks are told apart from waits for a reader', () => {
  const [record] = userfaultQuestionsFixture().filter(({ suite, options }) => suite === 'post-copy' && options.vcpus === 512);
  const locks = record.locks.map((lock) => ({ ...lock, waitNsTotal: 1000 * 16_384 * 512 }));
  const { sentence, rows } = answerOf('question-contention', [{ ...record, locks }, ...stalls({ 2: 31 })]);
  assert.match(
    sentence,
    /^Waits for locks, of all threads for each stall, become longer than the 30\.00 µs of the network with MINOR, one reader not up to 512 vCPUs\./,
  );
  assert.equal(rows[1][6], 1000);
});

test('the network is what the options say: latency, and the mean of its jitter', () => {
  assert.equal(networkNs({ latencyNs: 30_000, jitter: 'none', jitterPercent: 50 }), 30_000);
  assert.equal(networkNs({ latencyNs: 30_000, jitter: 'exponential', jitterPercent: 50 }), 45_000);
  assert.equal(networkNs({}), 0);
  assert.equal(ask('question-contention', stalls({ 1: 1, 2: 2 }, { latencyNs: 0 })), undefined, 'nothing to overtake');
});

test('cells of another latency, pattern or profile are another setup', () => {
  const near = stalls({ 1: 32, 2: 33, 8: 40 });
  const far = stalls({ 1: 1000, 64: 2000 }, { latencyNs: 900_000 });
  assert.deepEqual(
    answerOf('question-contention', [...far, ...near]).rows.map(([, vcpus]) => vcpus),
    [1, 2, 8],
  );
});

test('a single vCPU with its reader stands for one reader and for a reader per vCPU', () => {
  const names = (cells: { vcpus: number; readers: number }[]) =>
    configurationsOf(cells.map((options) => postCopyRecord(options))).map(({ name, cells: own }) => [name, [...own.keys()]]);
  assert.deepEqual(names([{ vcpus: 1, readers: 1 }]), [['MINOR, one reader', [1]]]);
  assert.deepEqual(
    names([
      { vcpus: 1, readers: 1 },
      { vcpus: 8, readers: 8 },
    ]),
    [['MINOR, reader per vCPU', [1, 8]]],
  );
  const [own] = configurationsOf([postCopyRecord({ vcpus: 1 }), postCopyRecord({ vcpus: 8, singleUffd: false })]);
  assert.deepEqual([own.name, ...own.cells.keys()], ['MINOR, uffd per vCPU', 1, 8]);
  assert.deepEqual(
    names([
      { vcpus: 1, readers: 1 },
      { vcpus: 8, readers: 8 },
      { vcpus: 8, readers: 1 },
      { vcpus: 8, readers: 4 },
    ]),
    [
      ['MINOR, one reader', [1, 8]],
      ['MINOR, 4 readers', [8]],
      ['MINOR, reader per vCPU', [1, 8]],
    ],
  );
});

test('customer: shares, stalls of each vCPU, and the way back to normal speed', () => {
  const share = (value: number) => ({ ...fixtureTime([value], 'exact'), unit: 'ratio' as const });
  const metrics = { stall_p50: fixtureTime([33_000], 'exact'), stall_max: fixtureTime([2e6], 'exact'), time_to_90_percent: fixtureTime([4e8], 'exact') };
  const histogram = { count: 600, p50Ns: 1, p99Ns: 2, p999Ns: 3 };
  const stall = { phase: 'post_copy', kind: 'write' as const, count: 600, totalNs: 1, maxNs: 1, histogram };
  const one = {
    ...postCopyRecord({ vcpus: 4 }, { ...metrics, running_share: share(0.25) }),
    stalls: [stall, { ...stall, kind: 'read' as const, count: 200 }],
  };
  const other = postCopyRecord({ vcpus: 4, uffd: 'none', kvmUserfault: true }, { ...metrics, running_share: share(0.5) });
  const { rows, columns, sentence } = answerOf('question-customer', [one, other]);
  const at = (name: string) => columns.findIndex((column) => column.name === name);
  assert.deepEqual(
    rows.map((row) => [row[0], row[at('stalls per vCPU')], (row[at('time running')] as { value: number }).value]),
    [
      ['MINOR, one reader', 200, 0.25],
      ['KVM UF', undefined, 0.5],
    ],
  );
  assert.match(
    sentence,
    /^At 4 vCPUs, with MINOR, one reader the guest is back at 90 % of its speed after 400\.0 ms and has waited up to 2\.000 ms for one access; with KVM UF /,
  );
});

test('customer: guests that have work to do are shown rather than those that only touch memory; pushed pages are told apart', () => {
  const metrics = { stall_max: fixtureTime([2e6], 'exact') };
  const idle = [1, 2, 4].map((vcpus) => postCopyRecord({ vcpus }, metrics));
  const busy = [0, 1].map((pushers) => postCopyRecord({ vcpus: 64, computeNs: 2000, pattern: 'zipf', pushers }, metrics));
  const { rows } = answerOf('question-customer', [...idle, ...busy]);
  assert.deepEqual(
    rows.map(([name, vcpus]) => [name, vcpus]),
    [
      ['MINOR, one reader', 64],
      ['MINOR, one reader, pushed', 64],
    ],
  );
});

test('contention: the same cells without a network stand beside those with one', () => {
  const far = stalls({ 1: 32, 64: 300 });
  const near = stalls({ 1: 3, 64: 200 }, { latencyNs: 0 });
  const { rows, sentence, records } = answerOf('question-contention', [...near, ...far]);
  assert.deepEqual(
    rows.map((row) => (row[7] as { value: number }).value),
    [3000, 200_000],
  );
  assert.match(
    sentence,
    /A median stall without any network becomes longer than the 30\.00 µs of the network with MINOR, one reader between 1 and 64 vCPUs \(about 10\)\./,
  );
  assert.equal(records.length, 4);
});

test('ablation: a cell with an override stands beside its twin on the machine as it is', () => {
  const plain = pagingRecord({ vcpus: 64 }, { metrics: { [RATE]: fixtureRate(1000) } });
  const changed = pagingRecord({ vcpus: 64 }, { metrics: { [RATE]: fixtureRate(2500) }, overrides: ['wakeup=-50%'] });
  const alone = pagingRecord({ vcpus: 8 }, { metrics: { [RATE]: fixtureRate(2500) }, overrides: ['wakeup=-50%'] });
  const { rows, sentence, records } = answerOf('question-ablation', [plain, changed, alone]);
  assert.equal(rows.length, 1);
  assert.equal(rows[0].at(-1), 2.5);
  assert.deepEqual(records, [changed]);
  assert.equal(sentence, 'Where each override changes most: 2.50 times the rate with wakeup=-50% (MINOR, one reader, 64 vCPUs).');
  assert.equal(ask('question-ablation', [changed]), undefined);
});
