// Checks the import arrows of .dependency-cruiser.cjs over the TypeScript sources: `npm run arrows`.
//
// dependency-cruiser passes on zero modules when it cannot read TypeScript, so the check fails unless it has seen every source on disk, and
// a believable number of imports in them.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise, type ICruiseOptions, type ICruiseResult, type IFlattenedRuleSet, type IViolation } from 'dependency-cruiser';
import { ROOT, SOURCE_FOLDERS, sourceFiles } from './sources.js';

interface ArrowRules {
  forbidden: IFlattenedRuleSet['forbidden'];
  options: ICruiseOptions;
}

const rules = createRequire(import.meta.url)(join(ROOT, '.dependency-cruiser.cjs')) as ArrowRules;

/** What a check found: one line per problem (none is good), and how much it looked at. */
export interface ArrowCheck {
  problems: string[];
  moduleCount: number;
  dependencyCount: number;
}

/** Checks the sources below `root` (a checkout, or a planted one in a test). */
export async function checkArrows(root: string): Promise<ArrowCheck> {
  const sources = sourceFiles(root);
  const folders = SOURCE_FOLDERS.filter((folder) => sources.some((file) => file.startsWith(`${folder}/`)));
  if (folders.length === 0)
    return { problems: [`Cannot check arrows: current no TypeScript source below "${root}", expected some`], moduleCount: 0, dependencyCount: 0 };
  const reply = await cruise([...folders], { ...rules.options, baseDir: root, validate: true, ruleSet: { forbidden: rules.forbidden } });
  const result = reply.output as ICruiseResult;
  const seen = new Set(result.modules.filter((module) => !module.coreModule).map((module) => module.source));
  const moduleCount = sources.filter((file) => seen.has(file)).length;
  const dependencyCount = result.summary.totalDependenciesCruised ?? 0;
  return {
    problems: [...unseen(sources, seen), ...tooFewImports(moduleCount, dependencyCount), ...result.summary.violations.map(describe)],
    moduleCount,
    dependencyCount,
  };
}

function unseen(sources: string[], seen: Set<string>): string[] {
  const missing = sources.filter((file) => !seen.has(file));
  if (missing.length === 0) return [];
  return [
    `Cannot check arrows: current ${sources.length - missing.length} of ${sources.length} sources seen, expected all; the first missing one is "${missing[0]}"`,
  ];
}

function tooFewImports(moduleCount: number, dependencyCount: number): string[] {
  if (dependencyCount * 2 >= moduleCount) return [];
  return [`Cannot check arrows: current ${dependencyCount} imports in ${moduleCount} modules, expected at least half as many imports as modules`];
}

function describe(violation: IViolation): string {
  const comment = rules.forbidden?.find((rule) => rule.name === violation.rule.name)?.comment ?? '';
  const cycle = violation.cycle?.map((step) => ` -> ${step.name}`).join('') ?? '';
  return `${violation.rule.name}: ${violation.from} -> ${violation.to}${cycle && ` (cycle:${cycle})`}. ${comment}`;
}

async function main(): Promise<void> {
  const { problems, moduleCount, dependencyCount } = await checkArrows(ROOT);
  for (const problem of problems) console.error(problem);
  console.log(`Arrows: ${moduleCount} modules, ${dependencyCount} imports, ${problems.length} problems`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
