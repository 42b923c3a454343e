// Plants of the kernel paths, as a protocol lists them.

import { KVM_PLANTS, type KvmPlant } from '../../kvm/plants.js';
import type { Plant } from './protocol.js';

/** These plants, each with what it does wrong. */
export function plantsOf(...names: readonly KvmPlant[]): Plant[] {
  return names.map((name) => ({ name, what: KVM_PLANTS[name] }));
}

/** The same, for plants that only store buffers show. */
export function tsoPlantsOf(...names: readonly KvmPlant[]): Plant[] {
  return plantsOf(...names).map((plant) => ({ ...plant, needsTso: true }));
}
