// The import arrows: who may import whom. `npm run arrows` runs this over the TypeScript sources (scripts/check-arrows.ts).
//
//   scripts -> everything                     nothing imports scripts
//   reports -> bench/results, bench/stats     and nothing else
//   bench   -> sim/index.ts                   and bench/cli -> reports/index.ts, loaded only when asked for
//   sim     -> nothing
//   inside sim: machine -> everything; guest -> kvm; kvm -> engine/*.ts (never an engine); memory -> nothing
//   engines never import kvm, nor each other

const TESTS = '[.-](test|kit|fixture)(-worker)?\\.ts$';
/** What every folder of sim may use. */
const SIM_BASE = '^sim/(assert|units|prng)\\.ts$';
/** The seam and its plain data, not the engines in the folders beside them. */
const SEAM = '^sim/engine/[^/]+\\.ts$';

/** A rule by which files of `from` may import, within the project, only what is listed. Tests and kits are exempt where `tests` says so. */
function only(name, comment, { from, to, tests = [] }) {
  return {
    name,
    comment,
    severity: 'error',
    from: { path: from, pathNot: tests },
    to: { path: '^(bench|sim|reports|scripts)/', pathNot: to },
  };
}

/** A rule by which files of `from` may not import what `to` matches. */
function never(name, comment, { from, to }) {
  return { name, comment, severity: 'error', from, to };
}

module.exports = {
  forbidden: [
    never('no-circular', 'Two files that import each other are one file; a type-only edge is no cycle at run time.', {
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    }),
    never('not-resolvable', 'An import that does not resolve is not checked by any other rule.', { from: {}, to: { couldNotResolve: true } }),
    never('nothing-imports-scripts', 'Scripts are for maintainers and CI.', { from: { pathNot: '^scripts/' }, to: { path: '^scripts/' } }),
    never('no-tests-in-product', 'Tests, kits and fixtures are for tests.', { from: { pathNot: TESTS }, to: { path: TESTS } }),
    never('no-development-package', 'What is installed for users does not include development packages.', {
      from: { path: '^(bench|sim|reports)/', pathNot: TESTS },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    }),

    only('reports-read-results', 'Reports and benches meet at a results file.', {
      from: '^reports/',
      to: ['^reports/', '^bench/(results|stats)/index\\.ts$'],
    }),
    only('bench-through-the-door', 'The harness knows sim by its door alone.', {
      from: '^bench/',
      to: ['^bench/', '^sim/index\\.ts$', '^reports/index\\.ts$'],
    }),
    never('reports-only-from-cli', 'One place of bench/cli loads the reports, and only when asked for them.', {
      from: { path: '^bench/', pathNot: '^bench/cli/' },
      to: { path: '^reports/' },
    }),
    never('reports-loaded-late', 'Charts cost start-up time: `await import()` them.', {
      from: { path: '^bench/' },
      to: { path: '^reports/', dependencyTypesNot: ['dynamic-import', 'type-only'] },
    }),

    only('sim-stands-alone', 'sim imports nothing outside of sim.', { from: '^sim/', to: ['^sim/'] }),
    never('sim-without-packages', 'sim has no packages; the gang of worker threads takes piscina.', {
      from: { path: '^sim/', pathNot: ['^sim/machine/run-threads\\.ts$', TESTS] },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'] },
    }),
    never('run-threads-takes-piscina', 'The one package of sim is piscina.', {
      from: { path: '^sim/machine/run-threads\\.ts$' },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'], pathNot: '^node_modules/piscina/' },
    }),
    never('sim-knows-no-host', 'Kernel paths and virtual time see nothing of the host; machine/ and engine/threads/ do.', {
      from: { path: '^sim/', pathNot: ['^sim/(machine|engine/threads)/', TESTS] },
      to: { dependencyTypes: ['core'] },
    }),
    only('kvm-over-the-seam', 'Kernel paths know the seam, never an engine.', {
      from: '^sim/kvm/',
      to: ['^sim/kvm/', '^sim/memory/', SEAM, SIM_BASE],
      tests: [TESTS],
    }),
    only('guest-over-kvm', 'Guest code uses kernel paths over the seam.', {
      from: '^sim/guest/',
      to: ['^sim/(guest|kvm|memory)/', SEAM, SIM_BASE],
      tests: [TESTS],
    }),
    only('memory-is-plain', 'Memory is words; it knows no kernel and no engine.', {
      from: '^sim/memory/',
      to: ['^sim/memory/', SIM_BASE],
      tests: [TESTS],
    }),
    only('seam-knows-no-engine', 'The seam is what engines implement.', {
      from: SEAM,
      to: ['^sim/memory/', SEAM, SIM_BASE],
      tests: [TESTS],
    }),
    only('engines-stand-apart', 'An engine knows the seam, never kvm and no other engine.', {
      from: '^sim/engine/([^/]+)/',
      to: ['^sim/engine/$1/', '^sim/memory/', SEAM, SIM_BASE],
      tests: [TESTS],
    }),
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: '^node_modules/' },
    exclude: { path: '^(dist|results)/' },
    enhancedResolveOptions: {
      conditionNames: ['types', 'import', 'node', 'default'],
      exportsFields: ['exports'],
      mainFields: ['types', 'main'],
    },
  },
};
