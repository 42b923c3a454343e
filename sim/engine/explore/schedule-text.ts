// A schedule as a short text: letters are processes, a number says how many steps in a row. "a12bA3" is twelve steps of actor a, one of b, and
// three stores of a that become visible.

const LOWER = 97;
const UPPER = 65;

/** The text of a schedule of processes; `cpuCount` and above are drains of store buffers. */
export function scheduleText(processes: readonly number[], cpuCount: number): string {
  let text = '';
  for (let i = 0; i < processes.length; ) {
    const process = processes[i];
    let end = i + 1;
    while (end < processes.length && processes[end] === process) end++;
    text += String.fromCharCode(process < cpuCount ? LOWER + process : UPPER + process - cpuCount) + (end - i > 1 ? String(end - i) : '');
    i = end;
  }
  return text;
}

/** The processes of a text. Undefined when it is none, names an actor that is not there, or is longer than `maxSteps`. */
export function parseSchedule(text: string, cpuCount: number, maxSteps: number): number[] | undefined {
  if (!/^(?:[a-zA-Z]\d{0,9})*$/.test(text)) return undefined;
  const processes: number[] = [];
  for (const [, letter, digits] of text.matchAll(/([a-zA-Z])(\d*)/g)) {
    const code = letter.charCodeAt(0);
    const actor = code >= LOWER ? code - LOWER : code - UPPER;
    const count = digits === '' ? 1 : Number(digits);
    if (actor >= cpuCount || processes.length + count > maxSteps) return undefined;
    for (let i = 0; i < count; i++) processes.push(code >= LOWER ? actor : actor + cpuCount);
  }
  return processes;
}
