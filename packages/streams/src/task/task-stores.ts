import type { Buffer } from 'node:buffer'
import { bytesOut } from '@millrace/record/internal'
import {
  type KeyText,
  type StoreEnvironment,
  type TableStore,
  type TypedStore,
  tableStore,
  type WindowStore,
  windowStore,
} from '@millrace/store'
import type { StoreSpec } from '../topology/nodes.ts'
import type { StorePlan, Subtopology } from '../topology/plan.ts'
import type { Processors } from './build-processors.ts'
import { AggregateProcessor, WindowedAggregateProcessor } from './processors/aggregate-processor.ts'
import { JoinProcessor } from './processors/join-processor.ts'
import type { TableOwner, TaskContext } from './processors/processor.ts'
import { TableProcessor } from './processors/table-processor.ts'

interface StoreFields {
  readonly spec: StoreSpec
  /** Real name of its changelog topic. */
  readonly changelog: string
  readonly store: TypedStore
  /** Drops windows that are past their retention in stream time. */
  expire(): void
}

/** A store of a task, as its driver and queries see it. */
export type TaskStore = TaskTable | TaskWindows

export interface TaskTable extends StoreFields {
  readonly kind: 'table'
  readonly store: TableStore<unknown>
}

export interface TaskWindows extends StoreFields {
  readonly kind: 'window'
  readonly store: WindowStore<unknown>
}

/** Opens the stores of a task, in the order in which they are flushed: what feeds another comes first. */
export function openStores(
  subtopology: Subtopology,
  processors: Processors,
  environment: StoreEnvironment,
  context: TaskContext,
): TaskStore[] {
  const order = subtopology.nodes.flatMap((node) =>
    node.kind === 'table' || node.kind === 'aggregate' ? [node.store] : [],
  )
  const plans = new Map(subtopology.stores.map((plan) => [plan.spec.name, plan]))
  return order.map((name) => openStore(plans.get(name)!, processors, environment, context))
}

function openStore(
  { spec, changelog }: StorePlan,
  processors: Processors,
  environment: StoreEnvironment,
  context: TaskContext,
): TaskStore {
  const owner = processors.ownerOf(spec.name)
  const options = {
    name: spec.name,
    codec: spec.valueSerde,
    bytes: environment.open(spec.name),
    ...changesOf(owner, changelog.name, context),
  }
  const fields = { spec, changelog: changelog.name }
  if (owner instanceof WindowedAggregateProcessor) {
    const store = windowStore<unknown>({ ...options, retentionMs: spec.retentionMs })
    owner.use(store)
    return { ...fields, kind: 'window', store, expire: () => owner.expire() }
  }
  const store = tableStore<unknown>(options)
  for (const processor of processors.all) {
    if (
      processor instanceof TableProcessor ||
      processor instanceof AggregateProcessor ||
      processor instanceof JoinProcessor
    ) {
      if (processor.storeName === spec.name) processor.use(store)
    }
  }
  return { ...fields, kind: 'table', store, expire() {} }
}

/**
 * Where a store's changes go: to the changelog, in the task's own partition with the time of the entry, then to the steps
 * behind. A store does both for one entry before the next, so these get the bytes that were just written along with the
 * value, and a sink behind need not write it a second time.
 */
function changesOf(owner: TableOwner, topic: string, context: TaskContext) {
  const { collector, partition } = context
  const to = collector.handle(topic)
  let raw: Buffer | null = null
  const changelog = (key: Buffer, value: Buffer | null, timestampMs: number) => {
    raw = value
    collector.append(to, partition, timestampMs, key, bytesOut, value, bytesOut, null)
  }
  const changed = (key: KeyText, windowStartMs: number, value: unknown, _old: unknown, timestampMs: number) => {
    const written = raw
    raw = null
    owner.changed(key, windowStartMs, value, written, timestampMs)
  }
  return { changelog, listener: owner.hasChildren ? changed : undefined }
}
