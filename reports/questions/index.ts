// Questions that were asked in the threads of published posts.

import { ABLATION } from './ablation.js';
import { BATCH } from './batch.js';
import { CUSTOMER } from './customer.js';
import { DEMAND_PAGING_GROWTH } from './demand-paging-growth.js';
import { FLAGS } from './flags.js';
import { FOOTPRINT } from './footprint.js';
import { GROWTH_SETUP, GROWTH_UNMAP } from './growth.js';
import { HVA_ONLY } from './hva-only.js';
import { CONTENTION, PAGES_PER_SECOND } from './network.js';
import type { Question } from './question.js';
import { READERS } from './readers.js';
import { RMAP_WASTE } from './rmap-waste.js';
import { SHARE } from './share.js';
import { TAKEAWAYS } from './takeaways.js';
import { WRITE_PROTECT } from './write-protect.js';
import { ZAP } from './zap.js';

export type { Answer, AnswerChart, AnswerColumn, AnswerValue, ComparedNumber, Question, Spread } from './question.js';
export { isPreallocated, USERFAULT_PROFILES } from './userfault-cells.js';

/** Asked nine years before the tables of eager splitting, about the same walks over the same rmaps. */
export const DIRTY_LOG_QUESTIONS: readonly Question[] = [WRITE_PROTECT];

/** Of the thread on "Scalable memslots implementation", 2021. */
export const MEMSLOT_QUESTIONS: readonly Question[] = [GROWTH_UNMAP, GROWTH_SETUP, FLAGS, HVA_ONLY, FOOTPRINT, BATCH, RMAP_WASTE, ZAP, SHARE, READERS];

/** Of the thread on "KVM: Introduce KVM Userfault", 2024, and what its tables leave open. */
export const USERFAULT_QUESTIONS: readonly Question[] = [TAKEAWAYS, ...DEMAND_PAGING_GROWTH, CONTENTION, PAGES_PER_SECOND, CUSTOMER, ABLATION];
