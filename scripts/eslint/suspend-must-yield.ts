// The lint rule of the seam (sim/engine/cpu.ts). What it catches a type checker cannot: a forgotten `yield`.
//
// 1. In a generator, a primitive that answers `Suspend` is the test of `if (...) yield;`. A condition may stand before it (`if (mustLock && lock(...)) yield;`),
//    one of two may be chosen (`if (reads ? readLock(...) : writeLock(...)) yield;`), and more may be done after the yield, but nothing before it.
// 2. In a plain function its answer is not dropped: it is returned, or tested, or passed on (option `plainFunctions`; worlds that never
//    suspend leave it off).
// 3. A kernel path (a generator) that is called is also driven: a bare call of it does nothing at all.
//
// With type information a call counts when its declared return type is `Suspend` (`KernelPath` or `Generator` for 3).
// Without, or where a declaration states no return type or a bare `boolean`, the primitives are known by name, and 3 is not checked.

import type { Rule } from 'eslint';
import type ts from 'typescript';

/** Primitives of `Cpu` and `LockCpu`, and of the locks that answer `Suspend`. */
const PRIMITIVES = new Set([
  'touch',
  'interleave',
  'run',
  'lock',
  'unlock',
  'readLock',
  'readUnlock',
  'writeLock',
  'writeUnlock',
  'schedule',
  'sleepFor',
  'call',
  'modify',
  'waitForChange',
]);

/** What typescript-eslint's parser offers when it was given a project. */
interface TypeServices {
  program?: ts.Program | null;
  esTreeNodeToTSNodeMap?: { get(node: unknown): ts.Node };
}

type Node = Rule.Node;
type NodeOf<Type extends Node['type']> = Extract<Node, { type: Type }>;
type CallExpression = NodeOf<'CallExpression'>;
type FunctionNode = NodeOf<'FunctionDeclaration' | 'FunctionExpression' | 'ArrowFunctionExpression'>;

/** The ESLint rule `seam/suspend-must-yield`. */
export const suspendMustYield: Rule.RuleModule = {
  meta: {
    type: 'problem',
    schema: [{ type: 'object', properties: { plainFunctions: { type: 'boolean' } }, additionalProperties: false }],
    defaultOptions: [{ plainFunctions: false }],
    docs: { description: 'A primitive that answers Suspend is the test of `if (...) yield;`' },
    messages: {
      mustYield: 'Cannot call "{{name}}" like this: current a call whose answer may be lost, expected "if ({{text}}) yield;"',
      dropped: 'Cannot drop the answer of "{{name}}": current a bare call, expected it to be returned or tested, so that the path can yield',
      notDriven: 'Cannot call the kernel path "{{name}}" without driving it: current a bare call, expected "yield* {{text}}"',
    },
  },
  create(context) {
    const { plainFunctions } = context.options[0] as { plainFunctions?: boolean };
    const services: TypeServices = context.sourceCode.parserServices;

    function report(node: CallExpression, messageId: 'mustYield' | 'dropped' | 'notDriven'): void {
      const data = { name: calleeName(node) ?? 'call', text: context.sourceCode.getText(node) };
      context.report({ node, messageId, data });
    }

    return {
      CallExpression(node) {
        const kind = kindOfCall(node, services);
        if (kind === 'path' && node.parent.type === 'ExpressionStatement') report(node, 'notDriven');
        if (kind !== 'suspend') return;
        const inGenerator = enclosingFunction(node)?.generator === true;
        if (inGenerator && !isTestOfYield(node)) report(node, 'mustYield');
        if (!inGenerator && plainFunctions && node.parent.type === 'ExpressionStatement') report(node, 'dropped');
      },
    };
  },
};

/** What a call is for this rule: a primitive, a kernel path, or neither. */
function kindOfCall(node: CallExpression, services: TypeServices): 'suspend' | 'path' | 'other' {
  const declared = declaredReturnType(node, services);
  if (declared === 'Suspend') return 'suspend';
  if (declared === 'KernelPath' || declared === 'Generator') return 'path';
  if (declared !== undefined && declared !== 'boolean') return 'other';
  const isMethod = node.callee.type === 'MemberExpression';
  return isMethod && PRIMITIVES.has(calleeName(node) ?? '') ? 'suspend' : 'other';
}

/** The name of the return type that the called function declares, without type arguments; undefined where it declares none or types are not at hand. */
function declaredReturnType(node: CallExpression, services: TypeServices): string | undefined {
  const tsNode = services.program && services.esTreeNodeToTSNodeMap?.get(node);
  if (!tsNode) return undefined;
  const signature = services.program?.getTypeChecker().getResolvedSignature(tsNode as ts.CallExpression);
  return signature?.declaration?.type?.getText().split('<')[0];
}

function calleeName(node: CallExpression): string | undefined {
  if (node.callee.type === 'Identifier') return node.callee.name;
  if (node.callee.type !== 'MemberExpression') return undefined;
  const { property } = node.callee;
  return property.type === 'Identifier' || property.type === 'PrivateIdentifier' ? property.name : undefined;
}

function enclosingFunction(node: Node): FunctionNode | undefined {
  for (let at: Node | null = node.parent; at; at = at.parent) {
    if (at.type === 'FunctionDeclaration' || at.type === 'FunctionExpression' || at.type === 'ArrowFunctionExpression') return at;
  }
  return undefined;
}

/** True when the call's answer is the value of a test of `if (...) yield;`: alone, after a condition, or as a branch of a choice between primitives. */
function isTestOfYield(call: CallExpression): boolean {
  let value: Node = call;
  while (passesOn(value.parent, value)) value = value.parent;
  const statement = value.parent;
  if (statement?.type !== 'IfStatement' || statement.test !== value || statement.alternate) return false;
  const then = statement.consequent;
  const first = then.type === 'BlockStatement' ? then.body[0] : then;
  if (first?.type !== 'ExpressionStatement' || first.expression.type !== 'YieldExpression') return false;
  return !first.expression.delegate && !first.expression.argument;
}

/** True when `parent` has the value of `child` whenever `child` is evaluated. */
function passesOn(parent: Node | null, child: Node): parent is NodeOf<'LogicalExpression' | 'ConditionalExpression'> {
  if (parent?.type === 'LogicalExpression') return parent.operator === '&&' && parent.right === child;
  return parent?.type === 'ConditionalExpression' && parent.test !== child;
}
