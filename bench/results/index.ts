// Results files: what a record is, reading with suspicion, writing in one step.

export { readResults } from './read.js';
export { type HostRecord, type MetricRecord, type ResultRecord, SCHEMA_VERSION } from './types.js';
export { checkWritable, writeAtomically, writeResults } from './write.js';
