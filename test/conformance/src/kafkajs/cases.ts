import type { World } from './world.ts'

/** A case throws when kafkajs does not get what it gets from Apache Kafka. */
export type Case = (world: World) => Promise<void>
