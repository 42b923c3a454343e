// Results files: what a record is, reading with suspicion, writing in one step.

export { readRecords, readResults } from './read.js';
export {
  CHECK_STEPS_MAX,
  type CheckRecord,
  type HostRecord,
  isAsExpected,
  isCell,
  isCheck,
  type MetricRecord,
  type ResultRecord,
  SCHEMA_VERSION,
  type StoredRecord,
} from './types.js';
export { checkWritable, writeAtomically, writeResults } from './write.js';
