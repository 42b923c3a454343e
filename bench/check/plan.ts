// Which checks a command line asks for.

import type { CheckOptions, Plant, Protocol } from '../../sim/index.js';
import { UsageError } from '../errors.js';

type MemoryOrder = CheckOptions['memoryOrder'];

/** How a planted bug is looked for that PCT comes to sooner. */
const PCT = { scheduler: 'pct', bound: 3, schedules: 200_000 } as const;

/** One check to run. */
export interface PlannedCheck {
  protocol: Protocol;
  plugin?: string;
  plant: Plant | null;
  options: CheckOptions;
}

/** What the command line says of every check; what it leaves out depends on protocol and plant. */
export interface CheckWishes {
  vcpus?: number[];
  memoryOrders?: MemoryOrder[];
  scheduler: CheckOptions['scheduler'];
  /** Nobody asked for that scheduler: a planted bug may name its own. */
  schedulerIsUsual: boolean;
  bound: number;
  seed: number;
  schedules: number;
  maxSteps: number;
  replay: string;
  plugin?: string;
}

/** The checks of one version. Both memory orders where `bothOrders` says so, else sc, or what the planted bug needs. Throws a `UsageError` for vCPUs out of range. */
export function planVersion(
  protocol: Protocol,
  plant: Plant | null,
  { vcpus, memoryOrders, plugin, ...common }: CheckWishes & { bothOrders?: boolean },
): PlannedCheck[] {
  const { bothOrders, schedulerIsUsual, ...asked } = common;
  const rest = schedulerIsUsual && plant?.foundByPct === true ? { ...asked, ...PCT } : asked;
  const { min, max, usual } = protocol.vcpus;
  const outside = vcpus?.find((count) => count < min || count > max);
  if (outside !== undefined) {
    const expected = min === max ? String(min) : `from ${min} to ${max}`;
    throw new UsageError(`Cannot check ${protocol.name} with ${outside} vCPUs: expected ${expected} (--vcpus)`);
  }
  const usualOrders: MemoryOrder[] = plant?.needsTso === true ? ['tso'] : bothOrders === true ? ['sc', 'tso'] : ['sc'];
  const orders = memoryOrders ?? usualOrders;
  return (vcpus ?? [plant?.vcpus ?? usual]).flatMap((count) =>
    orders.map((memoryOrder) => ({
      protocol,
      ...(plugin !== undefined && { plugin }),
      plant,
      options: { ...rest, vcpus: count, plant: plant?.name ?? null, memoryOrder },
    })),
  );
}

/** Of each protocol the right version under each memory order, then each planted bug where it shows. vCPUs out of a protocol's range are left to its usual. */
export function planTable(protocols: readonly Protocol[], wishes: CheckWishes): PlannedCheck[] {
  return protocols.flatMap((protocol) => {
    const { min, max } = protocol.vcpus;
    const fitting = wishes.vcpus?.filter((count) => count >= min && count <= max);
    const vcpus = fitting?.length === 0 ? undefined : fitting;
    const planted = protocol.plants.flatMap((plant) =>
      planVersion(protocol, plant, { ...wishes, vcpus: plant.vcpus === undefined ? vcpus : undefined, memoryOrders: undefined }),
    );
    const right = planVersion(protocol, null, { ...wishes, vcpus, bothOrders: true });
    const also = vcpus === undefined ? planVersion(protocol, null, { ...wishes, vcpus: [...(protocol.vcpus.also ?? [])] }) : [];
    return [...right, ...also, ...planted];
  });
}
