// What biome cannot check: promises, exhaustive switches, the seam, and what would make virtual time differ between hosts.
// The seam's own rule is TypeScript, so `npm run lint` builds first.

import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { suspendMustYield } from './dist/scripts/eslint/suspend-must-yield.js';

const TESTS = ['**/*.test.ts', '**/*.kit.ts', '**/*.fixture.ts', '**/*-kit-worker.ts'];

/** Functions that the ECMAScript standard leaves to the implementation: their last bits differ between hosts. */
const TRANSCENDENTAL = [
  ...['sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'atan2', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh'],
  ...['exp', 'expm1', 'log', 'log2', 'log10', 'log1p', 'pow', 'cbrt', 'hypot'],
];

const CLOCKS = [
  { object: 'performance', property: 'now', message: 'Virtual time comes from `cpu.now()`; only the threads engine reads a clock.' },
  { object: 'process', property: 'hrtime', message: 'Virtual time comes from `cpu.now()`; only the threads engine reads a clock.' },
];

const UNPREDICTABLE = [
  { object: 'Math', property: 'random', message: 'Draw from the seeded generator in sim/prng.ts.' },
  ...TRANSCENDENTAL.map((property) => ({ object: 'Math', property, message: 'Its result differs between hosts; use integers.' })),
];

export default defineConfig(
  { ignores: ['dist/', 'node_modules/', 'results/', '**/*.js', '**/*.cjs'] },
  {
    files: ['**/*.ts'],
    plugins: { '@typescript-eslint': tseslint.plugin, seam: { rules: { 'suspend-must-yield': suspendMustYield } } },
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'require-yield': 'off',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', name: ['describe', 'it', 'suite', 'test'], package: 'node:test' }] },
      ],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  { files: ['sim/**/*.ts'], rules: { 'seam/suspend-must-yield': 'error' } },
  { files: ['sim/kvm/**/*.ts', 'sim/guest/**/*.ts'], ignores: TESTS, rules: { 'seam/suspend-must-yield': ['error', { plainFunctions: true }] } },
  {
    files: ['sim/**/*.ts'],
    ignores: TESTS,
    rules: {
      'no-restricted-globals': ['error', { name: 'Date', message: 'Virtual time comes from `cpu.now()`.' }],
      'no-restricted-properties': ['error', ...UNPREDICTABLE, ...CLOCKS],
    },
  },
  {
    files: ['sim/engine/threads/**/*.ts', 'sim/machine/run-threads*.ts'],
    ignores: TESTS,
    rules: { 'no-restricted-properties': ['error', ...UNPREDICTABLE] },
  },
);
