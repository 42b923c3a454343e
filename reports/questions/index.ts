// Questions that were asked in the threads of published posts.

import { BATCH } from './batch.js';
import { FLAGS } from './flags.js';
import { FOOTPRINT } from './footprint.js';
import { GROWTH_SETUP, GROWTH_UNMAP } from './growth.js';
import { HVA_ONLY } from './hva-only.js';
import type { Question } from './question.js';
import { READERS } from './readers.js';
import { RMAP_WASTE } from './rmap-waste.js';
import { SHARE } from './share.js';
import { ZAP } from './zap.js';

export type { Answer, AnswerChart, AnswerColumn, AnswerValue, Question } from './question.js';

/** Of the thread on "Scalable memslots implementation", 2021. */
export const MEMSLOT_QUESTIONS: readonly Question[] = [GROWTH_UNMAP, GROWTH_SETUP, FLAGS, HVA_ONLY, FOOTPRINT, BATCH, RMAP_WASTE, ZAP, SHARE, READERS];
