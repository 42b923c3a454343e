import { memslotSetsKit } from './memslot-sets.kit.js';
import { memslotStructures } from './memslot-structures.js';

memslotSetsKit('array', memslotStructures.array!);
