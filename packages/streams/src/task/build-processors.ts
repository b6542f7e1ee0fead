import { physicalName } from '../topology/internal-topics.ts'
import type { StoreSpec, TopologyNode } from '../topology/nodes.ts'
import type { Plan, Subtopology } from '../topology/plan.ts'
import type { HiddenState } from './hidden-state.ts'
import { AggregateProcessor, WindowedAggregateProcessor } from './processors/aggregate-processor.ts'
import { FilterProcessor } from './processors/filter-processor.ts'
import { ForwardProcessor } from './processors/forward-processor.ts'
import { JoinProcessor } from './processors/join-processor.ts'
import { MapProcessor } from './processors/map-processor.ts'
import { FlatMapValuesProcessor, MapValuesProcessor } from './processors/map-values-processor.ts'
import { PeekProcessor } from './processors/peek-processor.ts'
import { PipeProcessor } from './processors/pipe-processor.ts'
import type { Processor, TaskContext } from './processors/processor.ts'
import { SinkProcessor } from './processors/sink-processor.ts'
import { SourceProcessor } from './processors/source-processor.ts'
import { TableProcessor } from './processors/table-processor.ts'

/** The steps of one task, wired: parents before children. */
export class Processors {
  readonly all: readonly Processor[]
  /** By real topic name. */
  readonly sources: ReadonlyMap<string, SourceProcessor>
  readonly #windowed: readonly WindowedAggregateProcessor[]

  constructor(all: readonly Processor[], sources: ReadonlyMap<string, SourceProcessor>) {
    this.all = all
    this.sources = sources
    this.#windowed = all.filter((processor) => processor instanceof WindowedAggregateProcessor)
  }

  /** The step whose records make up the store. */
  ownerOf(store: string): Owner {
    for (const processor of this.all) {
      if (isOwner(processor) && processor.storeName === store) return processor
    }
    throw new RangeError(`no step keeps store ${store}`)
  }

  /** Stream time of each windowed step, by node. */
  nodeTimes(): ReadonlyMap<string, number> {
    return new Map(this.#windowed.map(({ name, streamTimeMs }) => [name, streamTimeMs]))
  }

  resumeNodeTimes(times: ReadonlyMap<string, number>): void {
    for (const step of this.#windowed) step.streamTimeMs = Math.max(step.streamTimeMs, times.get(step.name) ?? -1)
  }
}

export function buildProcessors(
  plan: Plan,
  subtopology: Subtopology,
  context: TaskContext,
  hidden: HiddenState,
): Processors {
  const specs = new Map(subtopology.stores.map(({ spec }) => [spec.name, spec]))
  const byName = new Map<string, Processor>()
  const sources = new Map<string, SourceProcessor>()
  for (const node of subtopology.nodes) {
    const processor = processorOf(node, plan, specs, context, hidden)
    byName.set(node.name, processor)
    for (const parent of node.parents) byName.get(parent)!.addChild(processor)
    if (node.kind === 'source' && processor instanceof SourceProcessor) {
      sources.set(physicalName(plan.applicationId, node.topic), processor)
    }
  }
  return new Processors([...byName.values()], sources)
}

function processorOf(
  node: TopologyNode,
  plan: Plan,
  specs: ReadonlyMap<string, StoreSpec>,
  context: TaskContext,
  hidden: HiddenState,
): Processor {
  switch (node.kind) {
    case 'source':
      return new SourceProcessor(node, context)
    case 'sink':
      return new SinkProcessor(node, physicalName(plan.applicationId, node.topic), context)
    case 'pipe':
      return new PipeProcessor(node, hidden, context)
    case 'filter':
    case 'filterNot':
      return new FilterProcessor(node.name, node.run, node.kind === 'filter', context)
    case 'mapValues':
      return new MapValuesProcessor(node.name, node.run, context)
    case 'flatMapValues':
      return new FlatMapValuesProcessor(node.name, node.run, context)
    case 'map':
    case 'flatMap':
    case 'selectKey':
      return new MapProcessor(node.name, node.kind, node.run, node.keySerde, context)
    case 'peek':
    case 'forEach':
      return new PeekProcessor(node.name, node.run, context)
    case 'merge':
    case 'toStream':
      return new ForwardProcessor(node.name, context)
    case 'table':
      return new TableProcessor(node.name, specs.get(node.store)!, context)
    case 'join':
    case 'leftJoin':
      return new JoinProcessor(node, specs.get(node.store)!, context)
    case 'aggregate':
      return node.windows === undefined
        ? new AggregateProcessor(node, specs.get(node.store)!, context)
        : new WindowedAggregateProcessor(node, node.windows, specs.get(node.store)!, context)
  }
}

type Owner = TableProcessor | AggregateProcessor | WindowedAggregateProcessor

function isOwner(processor: Processor): processor is Owner {
  return (
    processor instanceof TableProcessor ||
    processor instanceof AggregateProcessor ||
    processor instanceof WindowedAggregateProcessor
  )
}
