import type { Ports } from '@millrace/kernel'

/** What the broker needs of the world. */
export type BrokerPorts = Pick<Ports, 'clock' | 'disk' | 'net' | 'random' | 'metrics' | 'log'>
